package burdock_test

import (
	"context"
	"testing"

	"github.com/burdock-go/burdock"
)

// reader and writer make actions of window types that are wrong.
func reader[In any]() *burdock.Action {
	return burdock.Func("act", func(context.Context, In) (burdock.None, error) { return burdock.None{}, nil })
}

func writer[Out any]() *burdock.Action {
	return burdock.Func("act", func(context.Context, burdock.None) (out Out, _ error) { return out, nil })
}

func whole[W any]() *burdock.Action {
	return burdock.Func("act", func(_ context.Context, w W) (W, error) { return w, nil })
}

// Design 1: there are no silent defaults. What is wrong with a window is said with the field and the way out.
func TestEveryMistakeInATagIsRefused(t *testing.T) {
	type base struct {
		A int `state:"a"`
	}
	type untagged struct{ Prompt string }
	type hidden struct {
		prompt string `state:"prompt"` //nolint:unused // The mistake itself.
	}
	type both struct {
		A int `state:"a" input:"a"`
	}
	type option struct {
		A int `state:"a,omitempty"`
	}
	type wrongKind struct {
		A int `input:"a,append"`
	}
	type secretState struct {
		A int `state:"a,secret"`
	}
	type twice struct {
		A int `state:"a,optional,optional"`
	}
	type unnamed struct {
		A int `state:""`
	}
	type control struct {
		A int `state:"a\nb"`
	}
	type same struct {
		A int `state:"a"`
		B int `state:"a"`
	}
	type embedded struct {
		base
		B int `state:"a"`
	}
	type pointer struct{ *base }
	type appended struct {
		A []int `state:"a,append"`
	}
	type appendInt struct {
		A int `state:"a,append"`
	}
	type deleteInt struct {
		A int `state:"a,delete"`
	}
	type deleted struct {
		A bool `state:"a,delete"`
	}
	type zero struct {
		A int `state:"a,omitzero"`
	}
	type optional struct {
		A int `state:"a,optional"`
	}
	type keyed struct {
		A float64 `state:"a,key"`
	}
	type input struct {
		A int `input:"a"`
	}
	type failure struct {
		F string `input:"failure"`
	}
	for _, c := range []struct {
		name   string
		action *burdock.Action
		want   string
	}{
		{"no tag", reader[untagged](), "window untagged: field Prompt has no tag; add `state:\"name\"` or `input:\"name\"`"},
		{"unexported", reader[hidden](), "window hidden: field prompt has a tag but is not exported"},
		{"both", reader[both](), "window both: field A has both a state and an input tag"},
		{"unknown option", reader[option](), `window option: field A: unknown option "omitempty"`},
		{"option of another tag", reader[wrongKind](), `field A: option "append" belongs to the state tag`},
		{"secret state", reader[secretState](), `field A: option "secret" belongs to the input tag`},
		{"option twice", reader[twice](), `field A: option "optional" stands twice`},
		{"empty name", reader[unnamed](), "field A: the name in its state tag is empty"},
		{"control character", reader[control](), "field A: the name in its state tag contains a control character"},
		{"one key twice", reader[same](), `fields A and B are both bound to state "a"`},
		{"one key twice by embedding", reader[embedded](), `fields base.A and B are both bound to state "a"`},
		{"embedded pointer", reader[pointer](), "field base embeds a pointer; embed the struct itself"},
		{"no struct", reader[int](), "a window is a struct whose fields have state or input tags, not a int"},
		{"a pointer", reader[*base](), "not a ptr; use None for an empty one"},
		{"append that is read", reader[appended](), `option "append" has no meaning in what is only read`},
		{"append in In and Out", whole[appended](), "append stands in a type that is both what the action reads and what it writes"},
		{"delete in In and Out", whole[deleted](), "delete stands in a type that is both"},
		{"append of no slice", writer[appendInt](), "append needs a slice, which holds the new elements; it is int"},
		{"delete of no bool", writer[deleteInt](), "delete needs a bool, which says whether the key goes; it is int"},
		{"omitzero that is read", reader[zero](), `option "omitzero" has no meaning in what is only read`},
		{"optional that is written", writer[optional](), `option "optional" has no meaning in what is only written`},
		{"key of no text", reader[keyed](), "a key is a string, []byte, integer or encoding.TextMarshaler; it is float64"},
		{"input that is written", writer[input](), "field A has an input tag, but this window is only written"},
		{"failure of another type", reader[failure](), "its type is burdock.Failure, not string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := burdock.NewGraph("g", burdock.Node(c.action))
			wantTexts(t, err, `graph "g"`, `action "act"`, c.want)
		})
	}
}

// Design 1: a type that cannot come back equal is refused with the path inside of the window.
func TestATypeThatCannotBeSavedIsRefusedWithItsPath(t *testing.T) {
	type opt struct {
		fn func() //nolint:unused // It is there to be refused.
	}
	type question struct {
		Opts []opt `state:"opts"`
	}
	type deep struct {
		M map[string][]struct{ C chan int } `state:"m"`
	}
	type face struct {
		V any `state:"v"`
	}
	type asked struct {
		V any `input:"v"`
	}
	type silent struct {
		V any `input:"v,secret"`
	}
	for _, c := range []struct {
		action *burdock.Action
		want   string
	}{
		{reader[question](), "question.Opts[].fn: "},
		{writer[question](), "question.Opts[].fn: "},
		{whole[question](), "question.Opts[].fn: "},
		{reader[deep](), "deep.M[][].C: JSON has no chan"},
		{reader[face](), "face.V: an interface is written without its dynamic type"},
		{reader[asked](), "asked.V: an interface is written without its dynamic type"},
	} {
		_, err := burdock.NewGraph("g", burdock.Node(c.action))
		wantTexts(t, err, `action "act"`, c.want)
	}
	if _, err := burdock.NewGraph("g", burdock.Node(reader[silent]())); err != nil {
		t.Errorf("a secret is never saved, so its type is free; got %v", err)
	}
}

func TestEmbeddedWindowsAreFlattened(t *testing.T) {
	type inner struct {
		B int `state:"b"`
	}
	type outer struct {
		inner
		A int `state:"a"`
	}
	sum := burdock.Func("sum", func(_ context.Context, o outer) (number, error) { return number{o.A + o.B}, nil })
	app := newApp(t, line(sum), starting(outer{inner{2}, 3}))
	wantEqual(t, "n", view[number](t, runTo(t, app, burdock.StopDone).State).N, 5)
}

// Design 1: In = Out = one struct is the whole-state style, inputs and optional fields included.
func TestOneStructCanBeInAndOut(t *testing.T) {
	type chat struct {
		Said  []string `state:"said,optional"`
		Count int      `state:"count,optional"`
		Line  string   `input:"line"`
	}
	say := burdock.Func("say", func(_ context.Context, c chat) (chat, error) {
		c.Said, c.Count = append(c.Said, c.Line), c.Count+1
		return c, nil
	})
	type result struct {
		Said  []string `state:"said"`
		Count int      `state:"count"`
	}
	app := newApp(t, line(say, say.Named("again")), &burdock.Options{Given: burdock.Input("line", "hi")})
	got := view[result](t, runTo(t, app, burdock.StopDone).State)
	if len(got.Said) != 2 || got.Count != 2 {
		t.Errorf("got %+v, want two lines and count 2", got)
	}
}

// Several mistakes in one window are all reported.
func TestAllMistakesOfAWindowAreReported(t *testing.T) {
	type bad struct {
		A int
		B int `state:"b,bogus"`
		C any `state:"c"`
	}
	_, err := burdock.NewGraph("g", burdock.Node(reader[bad]()))
	wantTexts(t, err, "field A has no tag", `unknown option "bogus"`, "bad.C: an interface")
}
