// Package bind reads the tags of window structs.
//
// A window is an ordinary struct whose fields are bound to names:
//
//	type question struct {
//		Prompt string `state:"prompt"`          // a key of the state
//		Model  string `input:"model,optional"`  // a value from outside
//	}
//
// Of turns such a type into a Window, a flat list of fields with the options of their tags, or says everything that is
// wrong with it. The same struct may serve in several roles: what an action reads, what it writes, what a branch begins
// with. A tag option that has no meaning in any of the roles a type is used in is an error, because an option without
// effect is a misunderstanding.
//
// The package knows nothing of states, actions or graphs.
package bind
