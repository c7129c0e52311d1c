package burdock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/burdock-go/burdock/internal/bind"
)

// None is the empty window: an action with In = None reads nothing, one with Out = None writes nothing.
type None struct{}

// An Action is one thing an application does: a function with a name, whose windows say what it reads and writes. It is
// immutable; its methods return changed copies. Func, Stream, Raw, Subgraph, MapStates, MapActions, MapActionsAndStates
// and MapTasks make actions.
//
// What is wrong with an action is reported by NewGraph, together with everything else that is wrong with the graph.
type Action struct {
	spec    *spec
	name    string
	binds   []bound
	rename  Keys
	timeout time.Duration
	retry   *Retry
	tags    []string
	version string
	errs    []error
}

// A spec is what one constructor call fixed. Copies of an action share it, and that is how they are known as copies.
type spec struct {
	in, out reflect.Type                        // windows; nil for Raw
	call    func(*attempt) (out any, err error) // a *Out
	raw     *rawSpec
	par     *parallel
	chunk   reflect.Type // of a streaming action's pieces; nil if it does not stream
}

// bound is a constant for one input.
type bound struct {
	name  string
	value any
}

// Keys maps an action's own keys to those of the graph it is used in.
type Keys map[string]string

// Func makes an action of an ordinary function. The fields of In are what it reads, those of Out what it writes; the
// function sees and changes nothing else. In and Out may be one type.
//
// The context ends when the run is cancelled and when the action's Timeout is over. An error, a panic or a call of
// runtime.Goexit fails the step, and then nothing is written.
func Func[In, Out any](name string, f func(context.Context, In) (Out, error)) *Action {
	s := &spec{in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
	s.call = func(a *attempt) (any, error) {
		var fr frame[In]
		ctx, err := a.enter(&fr.ctx, reflect.ValueOf(&fr.in).Elem())
		if err != nil {
			return nil, err
		}
		out, err := f(ctx, fr.in)
		return &out, err
	}
	return newAction(name, s, f == nil)
}

// A frame is what one attempt keeps on the heap: one allocation for the context and the window.
type frame[In any] struct {
	ctx stepContext
	in  In
}

func newAction(name string, s *spec, noFunc bool) *Action {
	a := &Action{spec: s, name: name}
	if why := bind.BadName(name); why != "" {
		a.errs = append(a.errs, fmt.Errorf("action %q: its name %s", name, why))
	}
	if noFunc {
		a.errs = append(a.errs, fmt.Errorf("action %q: its function is nil", name))
	}
	return a
}

// Name returns the action's name, which is also that of its node.
func (a *Action) Name() string { return a.name }

func (a *Action) copied() *Action {
	c := *a
	c.binds = slices.Clone(a.binds)
	c.rename = maps.Clone(a.rename)
	c.tags = slices.Clone(a.tags)
	c.errs = slices.Clone(a.errs)
	return &c
}

func (a *Action) failed(format string, args ...any) *Action {
	a.errs = append(a.errs, fmt.Errorf("action %q: "+format, append([]any{a.name}, args...)...))
	return a
}

// Named returns a copy with another name.
func (a *Action) Named(name string) *Action {
	c := a.copied()
	c.name = name
	if why := bind.BadName(name); why != "" {
		c.failed("its name %s", why)
	}
	return c
}

// Bind returns a copy in which an input has a constant value, which no other source can replace. The value's type is
// the field's; an untyped constant fits any field that can hold it.
func (a *Action) Bind(input string, value any) *Action {
	c := a.copied()
	for _, b := range a.binds {
		if b.name == input {
			return c.failed("input %q is bound twice", input)
		}
	}
	c.binds = append(c.binds, bound{input, value})
	return c
}

// Rename returns a copy that uses other keys of the graph's state: keys maps the action's own keys to the graph's.
func (a *Action) Rename(keys Keys) *Action {
	c := a.copied()
	if c.rename == nil {
		c.rename = Keys{}
	}
	for from, to := range keys {
		if why := bind.BadName(to); why != "" {
			c.failed("key %q is renamed to a name that %s", from, why)
		}
		if _, twice := a.rename[from]; twice {
			c.failed("key %q is renamed twice", from)
		}
		c.rename[from] = to
	}
	return c
}

// Tag returns a copy with a tag, by which halts can name it.
func (a *Action) Tag(tag string) *Action {
	c := a.copied()
	if tag == "" {
		return c.failed("an empty tag")
	}
	if !slices.Contains(c.tags, tag) {
		c.tags = append(c.tags, tag)
	}
	return c
}

// Version returns a copy with a version. It stands in Graph.Hash for what no hash can see: a prompt, a client, a model.
func (a *Action) Version(v string) *Action {
	c := a.copied()
	c.version = v
	return c
}

// With returns a copy with policies such as Timeout.
func (a *Action) With(policies ...Policy) *Action {
	c := a.copied()
	for _, p := range policies {
		if p == nil {
			c.failed("a nil policy")
			continue
		}
		if err := p.apply(c); err != nil {
			c.failed("%w", err)
		}
	}
	return c
}

// key returns the graph's name for one of the action's own keys.
func (a *Action) key(own string) string {
	if to, ok := a.rename[own]; ok {
		return to
	}
	return own
}

// differs says in what two actions of one name differ; "" means they are copies of one call with equal settings.
func (a *Action) differs(b *Action) string {
	switch {
	case a == b:
		return ""
	case a.spec != b.spec:
		return "they come from two constructor calls"
	case !sameBinds(a.binds, b.binds):
		return "their bindings differ"
	case !maps.Equal(a.rename, b.rename):
		return "their renamed keys differ"
	case a.timeout != b.timeout || !sameRetry(a.retry, b.retry):
		return "their policies differ"
	case !slices.Equal(slices.Sorted(slices.Values(a.tags)), slices.Sorted(slices.Values(b.tags))):
		return "their tags differ"
	case a.version != b.version:
		return "their versions differ"
	}
	return ""
}

// sameBinds reports whether two actions bind the same inputs to values of one encoded form, in whatever order.
func sameBinds(a, b []bound) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		i := slices.IndexFunc(b, func(y bound) bool { return x.name == y.name })
		if i < 0 || !sameValue(x.value, b[i].value) {
			return false
		}
	}
	return true
}

func sameValue(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// sameRetry compares what can be compared: a predicate is the same only if it is nil in both or the policy is one value.
func sameRetry(a, b *Retry) bool {
	if a == b {
		return true
	}
	return a != nil && b != nil && a.If == nil && b.If == nil && a.Delay == nil && b.Delay == nil &&
		a.Attempts == b.Attempts && a.Backoff == b.Backoff && a.MaxBackoff == b.MaxBackoff && a.MaxElapsed == b.MaxElapsed
}

func joined(what string, errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", what, errors.Join(errs...))
}
