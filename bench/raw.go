package main

// slots is a state made by hand: what Burdock's is inside. A key's place is known when the program is compiled, as a
// graph knows it before it runs; an absent value is nil. A state that somebody has seen is never written to: a change
// copies the slots.
//
// Values are boxed, and each state lives on the heap. Burdock keeps reflect.Values that point into the struct that wrote
// them instead; both cost an allocation or two per state. A struct with the fields themselves would be faster than either
// and would not be a state: nobody could list its keys, save a change to one of them, or hand it to a function that was
// written for another program.
type slots []any

// with returns the slots of s with some of them replaced.
func (s slots) with(from int, values ...any) slots {
	n := make(slots, len(s))
	copy(n, s)
	copy(n[from:], values)
	return n
}

// get reads a slot; an absent value is zero.
func get[T any](s slots, i int) (v T) {
	v, _ = s[i].(T)
	return v
}
