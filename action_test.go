package burdock_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

type (
	asked struct {
		Prompt string `state:"prompt"`
		Model  string `input:"model"`
	}
	answered struct {
		Text string `state:"text"`
	}
)

func ask(_ context.Context, q asked) (answered, error) {
	return answered{q.Model + " on " + q.Prompt}, nil
}

var askAction = burdock.Func("ask", ask)

type prompted struct {
	Prompt string `state:"prompt"`
}

// Design 1: changed copies. The original is never touched.
func TestCopiesDoNotChangeTheOriginal(t *testing.T) {
	plain := askAction.Named("plain")
	_ = plain.Bind("model", "m").Rename(burdock.Keys{"text": "body"}).Tag("draft").Version("2").With(burdock.Timeout(time.Second))
	_, err := burdock.NewGraph("g", burdock.Node(plain.Bind("model", "n").Rename(burdock.Keys{"text": "other"})))
	if err != nil {
		t.Error(err)
	}
	app := newApp(t, line(plain), starting(prompted{"p"}))
	if got := runTo(t, app, burdock.StopWaiting).Pending[0].Needs; !cmp.Equal(got, []string{"model"}) {
		t.Errorf("got needs %q, want the model: a copy's Bind reached the original", got)
	}
}

func TestBindAndRename(t *testing.T) {
	a := askAction.Bind("model", "o1").Rename(burdock.Keys{"prompt": "question", "text": "body"})
	type in struct {
		Q string `state:"question"`
	}
	type out struct {
		Body string `state:"body"`
	}
	res := runTo(t, newApp(t, line(a), starting(in{"why"})), burdock.StopDone)
	wantEqual(t, "body", view[out](t, res.State).Body, "o1 on why")
	if res.State.Has("text") || res.State.Has("prompt") {
		t.Error("the action's own keys are in the graph's state")
	}
}

// Errors of a step name keys as the graph knows them.
func TestErrorsNameTheGraphsKeys(t *testing.T) {
	type gone struct {
		Prompt bool `state:"question,delete"`
	}
	drop := burdock.Func("drop", func(context.Context, burdock.None) (gone, error) { return gone{true}, nil })
	a := askAction.Bind("model", "o1").Rename(burdock.Keys{"prompt": "question", "text": "body"})
	raw := burdock.Raw("set", nil, burdock.ListOf(burdock.Key[string]("question")), pass) // declares more than it does
	runFails(t, newApp(t, line(drop, raw, a), nil), `action "ask" reads keys ["question"], which have no value`)
	bad := burdock.Func("bad", func(context.Context, burdock.None) (answered, error) { return answered{"\xff"}, nil })
	runFails(t, newApp(t, line(bad.Rename(burdock.Keys{"text": "body"})), nil), `action "bad" wrote key "body"`, "not valid UTF-8")
}

// Wrong changes are reported by NewGraph, all of them.
func TestWrongChangesAreReported(t *testing.T) {
	type secretive struct {
		Token int `input:"token,secret"`
	}
	for name, c := range map[string]struct {
		action *burdock.Action
		want   string
	}{
		"empty name":        {askAction.Named(""), "its name is empty"},
		"control name":      {askAction.Named("a\x00"), "its name contains a control character"},
		"unknown input":     {askAction.Bind("modelo", "x"), `Bind("modelo"): it declares no such input; it has model`},
		"bind of None":      {idle("a").Bind("x", 1), `Bind("x"): it declares no such input; it has none`},
		"bound twice":       {askAction.Bind("model", "x").Bind("model", "y"), `input "model" is bound twice`},
		"bind of type":      {askAction.Bind("model", 5), `Bind("model"): a value of type int is no string`},
		"bind of nil":       {askAction.Bind("model", nil), `Bind("model"): nil is no string`},
		"unknown key":       {askAction.Rename(burdock.Keys{"txt": "body"}), `Rename("txt"): it uses no such key; it has prompt, text`},
		"two on one":        {askAction.Rename(burdock.Keys{"text": "prompt"}), `Rename maps both "prompt" and "text" to "prompt"`},
		"renamed twice":     {askAction.Rename(burdock.Keys{"text": "a"}).Rename(burdock.Keys{"text": "b"}), `key "text" is renamed twice`},
		"renamed to none":   {askAction.Rename(burdock.Keys{"text": ""}), `key "text" is renamed to a name that is empty`},
		"empty tag":         {askAction.Tag(""), "an empty tag"},
		"nil policy":        {askAction.With(nil), "a nil policy"},
		"no time":           {askAction.With(burdock.Timeout(0)), "a Timeout of 0s; it is a positive duration"},
		"two times":         {askAction.With(burdock.Timeout(1), burdock.Timeout(2)), "two Timeouts, 1ns and 2ns"},
		"nil function":      {burdock.Func[burdock.None, burdock.None]("a", nil), "its function is nil"},
		"nil stream":        {burdock.Stream[burdock.None, int, burdock.None]("a", nil), "its function is nil"},
		"nil raw":           {burdock.Raw("a", nil, nil, nil), "its function is nil"},
		"nil key":           {burdock.Raw("a", burdock.ListOf(nil), nil, pass), "a nil key"},
		"empty key":         {burdock.Raw("a", burdock.ListOf(burdock.Key[int]("")), nil, pass), "a key's name is empty"},
		"bind of raw":       {burdock.Raw("a", nil, nil, pass).Bind("x", 1), "a Raw action declares no inputs"},
		"raw of two types":  {burdock.Raw("a", burdock.ListOf(burdock.Key[int]("k")), burdock.ListOf(burdock.Key[string]("k")), pass), `key "k" has two types: int of action "a", string of action "a"`},
		"raw of bad type":   {burdock.Raw("a", burdock.ListOf(burdock.Key[any]("k")), nil, pass), "an interface is written without its dynamic type"},
		"zero action":       {&burdock.Action{}, "an action that no constructor made; use Func"},
		"named zero action": {(&burdock.Action{}).Named("x"), "an action that no constructor made; use Func"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := burdock.NewGraph("g", burdock.Node(c.action))
			wantTexts(t, err, c.want)
		})
	}
	_, err := burdock.NewGraph("g", burdock.Node(reader[secretive]().Bind("token", "hunter2")))
	wantTexts(t, err, `Bind("token"): a value of type string is no int`)
}

func pass(_ context.Context, s burdock.State) (burdock.State, error) { return s, nil }

// Untyped constants fit what can hold them, and nothing else.
func TestBindTakesConstantsThatFit(t *testing.T) {
	type model string
	type in struct {
		S model   `input:"s"`
		I int8    `input:"i"`
		U uint    `input:"u"`
		F float32 `input:"f"`
	}
	act := reader[in]()
	for _, c := range []struct {
		input string
		value any
		ok    bool
	}{
		{"s", "gpt", true},
		{"s", model("gpt"), true},
		{"s", 1, false},
		{"i", 127, true},
		{"i", 128, false},
		{"i", int64(1), false},
		{"i", 1.0, false},
		{"u", 1, true},
		{"u", -1, false},
		{"f", 1, true},
		{"f", 0.5, true},
		{"f", 1e300, false},
		{"f", float32(2), true},
	} {
		_, err := burdock.NewGraph("g", burdock.Node(act.Bind(c.input, c.value)))
		if (err == nil) != c.ok {
			t.Errorf("Bind(%q, %T %v): got error %v, want ok %v", c.input, c.value, c.value, err, c.ok)
		}
	}
}

// Design 1: two actions of one name are the same if they are copies of one call with equal settings.
func TestActionsOfOneNameAreTheSameOrRefused(t *testing.T) {
	type in struct {
		A int    `input:"a"`
		B string `input:"b"`
		K int    `state:"k"`
	}
	base := burdock.Func("act", func(context.Context, in) (burdock.None, error) { return burdock.None{}, nil })
	for name, c := range map[string]struct {
		a, b *burdock.Action
		want string // "" if they are the same
	}{
		"copies":              {base.Named("act"), base.Named("x").Named("act"), ""},
		"bound alike":         {base.Bind("a", 1).Bind("b", "x"), base.Bind("b", "x").Bind("a", 1), ""},
		"tagged alike":        {base.Tag("x").Tag("y"), base.Tag("y").Tag("x"), ""},
		"bound differently":   {base.Bind("a", 1), base.Bind("a", 2), "their bindings differ"},
		"bound and not":       {base.Bind("a", 1), base, "their bindings differ"},
		"renamed":             {base.Rename(burdock.Keys{"k": "l"}), base, "their renamed keys differ"},
		"timed":               {base.With(burdock.Timeout(1)), base, "their policies differ"},
		"tagged":              {base.Tag("x"), base, "their tags differ"},
		"versions":            {base.Version("1"), base.Version("2"), "their versions differ"},
		"constructed apart":   {base, reader[in](), "they come from two constructor calls"},
		"bound as JSON alike": {base.Bind("a", 1), base.Bind("a", int(1)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := burdock.NewGraph("g", burdock.Node(idle("start"), burdock.Then(c.b)), burdock.Node(c.a))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantTexts(t, err, `node "start": its route's action "act" is not the one of the node "act"`, c.want)
		})
	}
}

// Raw: reads and writes are enforced at run time.
func TestRawIsHeldToWhatItDeclares(t *testing.T) {
	a, b := burdock.Key[int]("a"), burdock.Key[int]("b")
	list := burdock.Key[[]string]("list")
	type state struct {
		A int `state:"a"`
		B int `state:"b"`
	}
	var other burdock.State
	for _, c := range []struct {
		name string
		f    func(burdock.State) burdock.State
		want string
	}{
		{"reads another", func(s burdock.State) burdock.State { b.Get(s); return s }, `it read key "b", which it does not declare as read`},
		{"asks for another", func(s burdock.State) burdock.State { s.Has("b"); return s }, `it read key "b", which it does not declare as read`},
		{"views another", func(s burdock.State) burdock.State { _, _ = burdock.View[state](s); return s }, `it read key "b", which it does not declare as read`},
		{"writes another", func(s burdock.State) burdock.State { return burdock.Key[int]("c").Set(s, 1) }, `it wrote key "c", which it does not declare as written`},
		{"writes what it reads", func(s burdock.State) burdock.State { return a.Set(s, 1) }, `it wrote key "a", which it does not declare as written`},
		{"another type", func(s burdock.State) burdock.State { return burdock.Key[string]("b").Set(s, "x") }, `key "b" is a int, not a string`},
		{"deletes another", func(s burdock.State) burdock.State { return a.Delete(s) }, `it wrote key "a", which it does not declare as written`},
		{"returns no state", func(burdock.State) burdock.State { return burdock.State{} }, "it returned a State that was not made from the one it was given"},
		{"returns a new state", func(burdock.State) burdock.State { return b.Set(burdock.State{}, 1) }, "it returned a State that was not made from the one it was given"},
		{"returns another's state", func(burdock.State) burdock.State { return b.Set(other, 1) }, "it returned a State that was not made from the one it was given"},
		{"in order", func(s burdock.State) burdock.State {
			other = s
			return b.Set(b.Delete(b.Set(burdock.Append(burdock.Append(s, list, "x"), list, "y"), 7)), 8)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := burdock.Raw("raw", burdock.ListOf(a), burdock.ListOf(b, list), func(_ context.Context, s burdock.State) (burdock.State, error) {
				return c.f(s), nil
			})
			app := newApp(t, line(raw), starting(state{1, 2}))
			if c.want != "" {
				runFails(t, app, c.want)
				return
			}
			s := runTo(t, app, burdock.StopDone).State
			got, _ := b.Get(s)
			lines, _ := list.Get(s)
			if got != 8 || !cmp.Equal(lines, []string{"x", "y"}) {
				t.Errorf("got b %d, list %q, want 8, x and y", got, lines)
			}
		})
	}
}

// What a Raw action may not read it does not see either.
func TestRawSeesOnlyWhatItReads(t *testing.T) {
	type state struct {
		A int `state:"a"`
		B int `state:"b"`
		C int `state:"c"`
	}
	var keys []string
	raw := burdock.Raw("raw", burdock.ListOf(burdock.Key[int]("a")), burdock.ListOf(burdock.Key[int]("b")),
		func(_ context.Context, s burdock.State) (burdock.State, error) {
			for k := range s.Keys() {
				keys = append(keys, k)
			}
			return s, nil
		})
	runTo(t, newApp(t, line(raw), starting(state{1, 2, 3})), burdock.StopDone)
	if !cmp.Equal(keys, []string{"a"}) {
		t.Errorf("got keys %q, want a", keys)
	}
}

// A Raw action's own keys are renamed like any other's.
func TestRawIsRenamed(t *testing.T) {
	raw := burdock.Raw("raw", burdock.ListOf(burdock.Key[int]("x")), burdock.ListOf(burdock.Key[int]("x")),
		func(_ context.Context, s burdock.State) (burdock.State, error) {
			x, _ := burdock.Key[int]("x").Get(s)
			return burdock.Key[int]("x").Set(s, x+1), nil
		}).Rename(burdock.Keys{"x": "n"})
	wantEqual(t, "n", view[number](t, runTo(t, newApp(t, line(raw), starting(number{4})), burdock.StopDone).State).N, 5)
}

// A streaming action still returns its Out, and emit is refused once the attempt is over.
func TestStreamReturnsItsOutAndEmitEndsWithTheAttempt(t *testing.T) {
	var later func(int) error
	stream := burdock.Stream("count", func(_ context.Context, n number, emit func(int) error) (number, error) {
		for i := range n.N {
			if err := emit(i); err != nil {
				return number{}, err
			}
		}
		later = emit
		return number{n.N * 2}, nil
	})
	var got []int
	o := starting(number{3})
	o.Cascade.Tracker = trackFunc(func(_ context.Context, e burdock.Event) error {
		if c, ok := burdock.ChunkOf[int](e); ok {
			got = append(got, c)
		}
		return nil
	})
	out := runTo(t, newApp(t, line(stream), o), burdock.StopDone)
	wantEqual(t, "n", view[number](t, out.State).N, 6)
	if !cmp.Equal(got, []int{0, 1, 2}) {
		t.Errorf("got chunks %v, want 0 1 2", got)
	}
	if err := later(9); !errors.Is(err, context.Canceled) {
		t.Errorf("emit after the attempt: got %v, want a context.Canceled", err)
	}
	if len(got) != 3 {
		t.Errorf("a chunk was tracked after the attempt was over: %v", got)
	}
}

// P10: the idempotency key is the same for all attempts, and different for other steps.
func TestInfoAndIdempotencyKey(t *testing.T) {
	if burdock.Info(t.Context()) != nil {
		t.Error("Info outside of an action is not nil")
	}
	var keys []string
	var seqs []int64
	fail := true
	act := doing("act", func(ctx context.Context) error {
		i := burdock.Info(ctx)
		keys, seqs = append(keys, i.IdempotencyKey()), append(seqs, i.Seq)
		if i.Action == "act" && fail {
			fail = false
			return errors.New("again")
		}
		return nil
	})
	app := newApp(t, line(act, act.Named("then")), &burdock.Options{ID: "x"})
	runFails(t, app, "again")
	runTo(t, app, burdock.StopDone)
	if !cmp.Equal(seqs, []int64{1, 1, 2}) || keys[0] != keys[1] || keys[1] == keys[2] {
		t.Errorf("got seqs %v, keys %q, want the same key for the two attempts of step 1 only", seqs, keys)
	}
}

// R8: panics and runtime.Goexit are errors of the step.
func TestPanicAndGoexitAreErrors(t *testing.T) {
	errBoom := errors.New("boom")
	bad := func(f func()) *burdock.Graph {
		return line(doing("bad", func(context.Context) error { f(); return nil }))
	}
	for name, c := range map[string]struct {
		g    *burdock.Graph
		want string
		is   error
	}{
		"panic":  {bad(func() { panic("boom") }), "step 1 (bad), attempt 1: the action panicked: boom", nil},
		"error":  {bad(func() { panic(errBoom) }), "the action panicked: boom", errBoom},
		"goexit": {bad(runtime.Goexit), "the action called runtime.Goexit", burdock.ErrGoexit},
		"nil":    {bad(func() { panic(nil) }), "the action panicked: ", nil},
	} {
		for _, grace := range []time.Duration{0, time.Minute} {
			t.Run(name+" "+grace.String(), func(t *testing.T) {
				err := runFails(t, newApp(t, c.g, &burdock.Options{Grace: grace}), c.want).Err
				p, ok := errors.AsType[*burdock.PanicError](err)
				if !ok {
					t.Fatalf("got %v, want a PanicError", err)
				}
				if name != "goexit" && len(p.Stack) == 0 {
					t.Error("the stack is missing")
				}
				if c.is != nil {
					wantIs(t, err, c.is)
				}
			})
		}
	}
}
