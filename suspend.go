package burdock

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// maxPending is how many pending steps an Outcome lists.
const maxPending = 1000

// suspend ends the visit because all that is left waits. It reports true if messages have come that change that.
func (v *visit) suspend() (goOn bool) {
	if err := v.run.tree.fetch(context.WithoutCancel(v.ctx)); err != nil {
		v.run.tree.fail(err)
		return false
	}
	return !v.fan.Suspend(ErrSuspended) && v.fan.Cause() == nil
}

// waits takes over what a suspended branch waits for, until an answer comes.
func (v *visit) waits(b *branch) {
	v.pend(b)
	if b.run.has.inbox || v.run.tree.mail.some.Load() {
		n, pending := b.node, b.run.pending
		v.run.tree.mail.suspend(b.identity(), pending, func() {
			v.resumed(b)
			v.fan.Resume(n)
		})
	}
}

// resumed takes back what a branch has waited for.
func (v *visit) resumed(b *branch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.pending, b)
}

// pend notes what a branch waits for.
func (v *visit) pend(b *branch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pending == nil {
		v.pending = map[*branch][]Pending{}
	}
	v.pending[b] = b.run.pending
}

// pendings returns the first steps that wait, in the order of the branches.
func (v *visit) pendings() []Pending {
	v.mu.Lock()
	defer v.mu.Unlock()
	waiting := slices.SortedFunc(maps.Keys(v.pending), func(a, b *branch) int { return cmp.Compare(a.node.Index, b.node.Index) })
	var all []Pending
	for _, b := range waiting {
		room := maxPending - len(all)
		all = append(all, v.pending[b][:min(room, len(v.pending[b]))]...)
	}
	return all
}
