package burdocktest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/burdock-go/burdock"
)

// Strict finds values that do not come back from a store as they were. NewGraph refuses types of which that is known,
// and trusts those that have marshalers or a Codec of their own; Strict does not. Each value that an action writes, that
// an application or a branch begins with, and that a step is given as an input is encoded, decoded and compared, with
// the graph's Codecs. The test fails with the action, the key and the place inside of the value.
//
// Secret inputs are left out, since nobody stores them. That two pointers lead to one value is not compared.
func Strict(t testing.TB) burdock.Middleware {
	s := &strict{reports: &reports{t: t, name: "Strict"}}
	return func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, c *burdock.StepCall) error {
			t.Helper()
			if c.Seq == 1 {
				s.changed(burdock.State{}, c.Before(), func(key string) string {
					return fmt.Sprintf("%s begins with key %q", c.Path, key)
				})
			}
			s.changed(burdock.State{}, c.Inputs(), func(name string) string {
				return fmt.Sprintf("%s was given input %q", stepText(&c.StepInfo), name)
			})
			err := next(ctx, c)
			if err == nil {
				s.changed(c.Before(), c.After(), func(key string) string {
					return fmt.Sprintf("%s wrote key %q", stepText(&c.StepInfo), key)
				})
			}
			return err
		}
	}
}

type strict struct{ reports *reports }

// changed compares the values that are in one state and not in the one before with what a store makes of them.
func (s *strict) changed(before, after burdock.State, what func(key string) string) {
	for key := range after.Keys() {
		v, _ := after.Value(key)
		if old, had := before.Value(key); had && identical(reflect.ValueOf(old), reflect.ValueOf(v)) {
			continue
		}
		again, err := after.Recoded(key)
		if err != nil {
			s.reports.add(fmt.Sprintf("%s: %v", what(key), err))
			continue
		}
		for _, d := range compare(v, again) {
			at := ""
			if d.path != "" {
				at = ", at " + d.path
			}
			s.reports.add(fmt.Sprintf("%s, which does not come back from a store as it was%s: it was %s and comes back %s", what(key), at, d.old, d.got))
		}
	}
}

// identical reports whether two values are the same without looking behind references.
func identical(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() || a.Type() != b.Type() {
		return a.IsValid() == b.IsValid() && !a.IsValid()
	}
	switch a.Kind() {
	case reflect.Slice:
		return a.Len() == b.Len() && a.UnsafePointer() == b.UnsafePointer()
	case reflect.Map, reflect.Pointer:
		return a.UnsafePointer() == b.UnsafePointer()
	case reflect.Interface:
		return identical(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !identical(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Array:
		for i := range a.Len() {
			if !identical(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return sameScalar(a, b)
}

// stepText names a step in a message.
func stepText(s *burdock.StepInfo) string {
	return fmt.Sprintf("%s (%s, step %d)", s.Action, s.Path, s.Seq)
}

// reports gives a test the findings of a check, each once and not without end.
type reports struct {
	t    testing.TB
	name string
	mu   sync.Mutex
	told map[string]bool
}

// maxReports bounds how many findings a check tells.
const maxReports = 20

// full reports whether what is added is not told any more.
func (r *reports) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.told) > maxReports
}

func (r *reports) add(text string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil {
		r.told = map[string]bool{}
	}
	if r.told[text] || len(r.told) > maxReports {
		return
	}
	r.told[text] = true
	if len(r.told) > maxReports {
		text = "there is more"
	}
	r.t.Errorf("burdocktest: %s: %s", r.name, text)
}
