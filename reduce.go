package burdock

import "context"

// First is a reduce for parallel actions: the first branch that completes wins, and the others are cancelled.
// With Failures: Collect a failed branch does not end the race. It fails if no branch completes.
//
//	burdock.MapActions("ask", models, nil, burdock.First[answer, question, question], opts)
func First[Res, In, Sub any](_ context.Context, _ In, rs *Results[Sub, Res]) (Res, error) {
	for r := range rs.AsDone() {
		return r.Out, nil
	}
	var none Res
	if err := rs.Err(); err != nil {
		return none, err
	}
	return none, ErrNoResult
}

// List makes a reduce that waits for all branches and hands the results of the completed ones, in the order of the
// sequence, to f. Use it for joins whose memory may grow with the number of branches.
//
//	burdock.MapStates("ask", askModel, toPrompts, burdock.List[digest, question, survey](join), nil)
func List[Out, Sub, In, Res any](f func([]Res) Out) func(context.Context, In, *Results[Sub, Res]) (Out, error) {
	return func(_ context.Context, _ In, rs *Results[Sub, Res]) (Out, error) {
		var all []Res
		for r := range rs.OK() {
			all = append(all, r.Out)
		}
		return f(all), nil
	}
}
