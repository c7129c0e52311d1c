package burdock

import (
	"reflect"
	"sync/atomic"
)

// A tail is the array behind an append list, shared by all versions of the list:
//
//	array  [ a b c d . . . . ]     len = capacity, elements beyond used are free
//	used           ^ 4
//	older version  [ a b ]         a view of the first two
//	the tip        [ a b c d ]     a view that ends at used
//
// Who appends to the tip claims the free elements by compare-and-swap and writes in place, so appending n elements one
// by one costs O(n) in all. Who appends to an older version, or finds no room, copies once.
type tail struct {
	array reflect.Value
	used  atomic.Int64
}

// appendList returns the slot that follows old when the elements of more are appended. Neither argument's elements are
// ever overwritten. old may be absent.
func appendList(old slot, more reflect.Value) slot {
	k := more.Len()
	n := 0
	if old.set() {
		n = old.v.Len()
	}
	t := old.tail
	if t == nil || n+k > t.array.Len() || !t.used.CompareAndSwap(int64(n), int64(n+k)) {
		t = newTail(old, more.Type(), n, n+k)
	}
	reflect.Copy(t.array.Slice(n, n+k), more)
	return slot{v: t.array.Slice3(0, n+k, n+k), tail: t}
}

// minTail is the least capacity of a new tail.
const minTail = 8

func newTail(old slot, list reflect.Type, n, used int) *tail {
	t := &tail{array: reflect.MakeSlice(list, max(minTail, 2*used), max(minTail, 2*used))}
	if n > 0 {
		reflect.Copy(t.array, old.v)
	}
	t.used.Store(int64(used))
	return t
}
