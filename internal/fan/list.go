package fan

// A Node is one task. B is whatever the caller keeps of it.
type Node[B any] struct {
	B     B
	Index int64 // position in the sequence
	Join  int64 // 1, 2, ... in the order of joining; 0 before
	Found bool  // set by Config.Pull: the task has its result already, and its Join number if it has one

	phase    phase
	task     link[B]
	joined   link[B]
	isJoined bool
}

// Skipped reports whether the task was never started. It is asked after Close, like Suspended.
func (n *Node[B]) Skipped() bool { return n.phase == pulled }

// Suspended reports whether the task waits.
func (n *Node[B]) Suspended() bool { return n.phase == suspended }

type link[B any] struct{ prev, next *Node[B] }

type phase uint8

const (
	pulled    phase = iota // in the task list, not started
	running                // a worker has it
	suspended              // it waits for something that this visit does not bring
	done                   // it has a result
	delivered              // the consumer has it
)

// list is an intrusive list. at chooses which of a node's two links it uses.
type list[B any] struct {
	first, last *Node[B]
	at          func(*Node[B]) *link[B]
}

func (l *list[B]) push(n *Node[B]) {
	li := l.at(n)
	li.prev = l.last
	if l.last == nil {
		l.first = n
	} else {
		l.at(l.last).next = n
	}
	l.last = n
}

func (l *list[B]) remove(n *Node[B]) {
	li := l.at(n)
	if li.prev == nil {
		l.first = li.next
	} else {
		l.at(li.prev).next = li.next
	}
	if li.next == nil {
		l.last = li.prev
	} else {
		l.at(li.next).prev = li.prev
	}
	*li = link[B]{}
}
