package fan

import (
	"cmp"
	"slices"
)

// pull adds a handful of tasks to those that are held. It reports whether there may be more.
func (f *Fan[B]) pull() (more bool) {
	for left := f.handful(); left > 0 && f.cause == nil && !f.exhausted && !f.full(); left-- {
		f.unlock()
		n, more := f.next()
		f.lock()
		if !more {
			return false
		}
		f.link(n)
		if n.Found {
			n.phase = done
			f.joinFound(n)
			f.tell(readers)
			continue
		}
		f.held.push(n)
		if left > 1 { // the next one may take its time
			f.summon()
		}
	}
	return f.cause == nil && !f.exhausted
}

// handful is how many tasks one turn brings: half of the places that are free, so that another worker has some too. With
// a rate or tokens each task is waited for.
func (f *Fan[B]) handful() int {
	if f.c.Await != nil || f.c.Take != nil {
		return 1
	}
	return min((f.c.Limit-f.active+1)/2, mostAhead)
}

// next asks the sequence. Its error stops the fan in the same breath: otherwise the consumer could take a broken
// sequence for one that has ended.
func (f *Fan[B]) next() (n *Node[B], more bool) {
	n = new(Node[B])
	n.Index = f.pulls
	returned := false
	defer func() {
		if !returned {
			f.end(f.c.Vanished())
		}
	}()
	more, err := f.c.Pull(n)
	returned = true
	if !more || err != nil {
		f.end(err)
		return nil, false
	}
	return n, true
}

// end says that the sequence has ended, with an error or without.
func (f *Fan[B]) end(err error) {
	f.lock()
	defer f.unlock()
	f.exhausted = true
	if err != nil {
		f.stop(err)
	}
}

func (f *Fan[B]) link(n *Node[B]) {
	f.pulls++
	f.outstanding++
	f.tasks.push(n)
}

// Prefetch pulls up to n tasks without starting them. Those that are found to have a result already are joined in the
// order of their join numbers; the next free number is above last. It is called by the consumer before anything runs,
// and reports an error of the sequence.
func (f *Fan[B]) Prefetch(n, last int64) error {
	var found []*Node[B]
	for f.pulls < n && f.Cause() == nil && !f.Exhausted() {
		node, more := f.next()
		if !more {
			break
		}
		f.lock()
		f.link(node)
		if node.Found {
			node.phase = done
			found = append(found, node)
		} else {
			f.held.push(node)
		}
		f.unlock()
	}
	slices.SortStableFunc(found, func(a, b *Node[B]) int { return cmp.Compare(a.Join, b.Join) })
	f.lock()
	defer f.unlock()
	for _, node := range found {
		f.joinFound(node)
	}
	f.joins = max(f.joins, last)
	return f.cause
}

// Exhausted reports whether the sequence has ended.
func (f *Fan[B]) Exhausted() bool {
	f.lock()
	defer f.unlock()
	return f.exhausted
}

// joinFound joins a task that keeps the number it has.
func (f *Fan[B]) joinFound(n *Node[B]) {
	n.isJoined = true
	if f.asDone {
		f.joined.push(n)
	}
}
