package fan

// A Node is one task. B is whatever the caller keeps of it.
type Node[B any] struct {
	B     B
	Index int64 // position in the sequence
	Join  int64 // 1, 2, ... in the order of joining; 0 before
	Found bool  // set before Add: the task has its result already, and its Join number if it has one; it is not run

	isJoined bool
	resumed  bool // while it runs: what it is about to wait for has come
	phase    phase
	links    [2]link[B] // in the task list, and in the held list before it starts or the joined list after
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

// The links of a node. Nothing is held and joined at once.
const (
	inTasks = iota
	inHeld
	inJoined = inHeld
)

// list is an intrusive list. at chooses which of a node's two links it uses.
type list[B any] struct {
	first, last *Node[B]
	at          int
}

func (l *list[B]) push(n *Node[B]) {
	li := &n.links[l.at]
	li.prev = l.last
	if l.last == nil {
		l.first = n
	} else {
		l.last.links[l.at].next = n
	}
	l.last = n
}

func (l *list[B]) remove(n *Node[B]) {
	li := &n.links[l.at]
	if li.prev == nil {
		l.first = li.next
	} else {
		li.prev.links[l.at].next = li.next
	}
	if li.next == nil {
		l.last = li.prev
	} else {
		li.next.links[l.at].prev = li.prev
	}
	*li = link[B]{}
}
