package burdock

import "reflect"

// ResumeSpawned gives a spawned child that waits in this process one input, as the owner of an Inbox does.
func (a *App) ResumeSpawned(ref Ref, input string, value any) bool {
	return a.tree.resume(ref, func(r *runner) {
		r.sources.events = r.sources.events.with(input, reflect.ValueOf(value))
	})
}
