// Package exectest is the conformance suite of burdock.Executor. A new executor needs nothing more to be right:
//
//	func TestExecutor(t *testing.T) {
//		exectest.Run(t, func(t *testing.T, graphs ...*burdock.Graph) burdock.Executor {
//			return myexec.Start(t, graphs...) // workers that know these graphs
//		}, nil)
//	}
//
// Each subtest is named after the rule it checks: E1 who saves, E2 outcomes and lost workers, E3 what crosses. That order,
// limits, keys and policies do not depend on where a branch runs is checked by running one graph under the executor and
// under burdock.Local and comparing what a caller sees.
//
// Encoded is an executor whose workers are in the same process, while everything crosses as bytes: what would go wrong
// between two processes goes wrong in a unit test.
package exectest
