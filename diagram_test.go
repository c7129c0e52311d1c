package burdock_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
)

// Windows of the graphs that are drawn here.
type (
	drawnText struct {
		Text string `state:"text"`
	}
	drawnAsk struct {
		Text   string `state:"text"`
		Model  string `input:"model"`
		Editor string `input:"editor"`
		Note   string `input:"note,optional"`
	}
	drawnFailure struct {
		Failure burdock.Failure `input:"failure"`
	}
)

// drawn makes an action that reads In and writes a text; it is never run.
func drawn[In any](name string) *burdock.Action {
	return burdock.Func(name, func(context.Context, In) (drawnText, error) { return drawnText{}, nil })
}

func leaf(name string) *burdock.Action { return drawn[drawnText](name) }

func eachText(context.Context, drawnText) iter.Seq2[drawnText, error] { return nil }

func lastText(context.Context, drawnText, *burdock.Results[drawnText, drawnText]) (drawnText, error) {
	return drawnText{}, nil
}

func overTexts(name string, r burdock.Runnable) *burdock.Action {
	return burdock.MapStates(name, r, eachText, lastText, nil)
}

func withActions(name string, rs ...burdock.Runnable) *burdock.Action {
	return burdock.MapActions(name, rs, nil, lastText, nil)
}

func is(text string) *burdock.Condition { return burdock.Eq(burdock.Key[string]("text"), text) }

func TestMermaid(t *testing.T) {
	var (
		a, b, c = leaf("a"), leaf("b"), leaf("c")
		handler = drawn[drawnFailure]("handler")
		ready   = burdock.When("is ready", func(drawnText) bool { return true })
	)
	for _, test := range []struct {
		name  string
		graph *burdock.Graph
		want  string
	}{
		{"one node", burdock.MustGraph("g", burdock.Node(a)), `
    start(["start"])
    n1["a"]
    stop(["end"])
    start --> n1
    n1 --> stop
`},
		{"a loop with a way out", burdock.MustGraph("g",
			burdock.Node(a, ready.Then(a), burdock.Then(b)),
			burdock.Node(b, is("x").Then(a)),
		), `
    start(["start"])
    n1["a"]
    n2["b"]
    stop(["end"])
    start --> n1
    n1 -->|"is ready"| n1
    n1 --> n2
    n2 -->|"text #61;#61; #34;x#34;"| n1
    n2 -->|"otherwise"| stop
`},
		{"a condition and its negation leave no end", burdock.MustGraph("g",
			burdock.Node(a, ready.Then(a), burdock.Not(ready).Then(b)), burdock.Node(b),
		), `
    start(["start"])
    n1["a"]
    n2["b"]
    stop(["end"])
    start --> n1
    n1 -->|"is ready"| n1
    n1 -->|"not #40;is ready#41;"| n2
    n2 --> stop
`},
		{"error routes are dashed", burdock.MustGraph("g",
			burdock.Node(a, burdock.Then(b), burdock.OnError(burdock.Is(errors.New("no luck")), handler)),
			burdock.Node(b), burdock.Node(handler),
			burdock.EveryNode(burdock.OnError(burdock.AnyError, handler)),
		), `
    start(["start"])
    n1["a"]
    n2["b"]
    n3["handler"]
    stop(["end"])
    start --> n1
    n1 --> n2
    n1 -.->|"on error no luck"| n3
    n1 -.->|"on any error"| n3
    n2 -.->|"on any error"| n3
    n2 --> stop
    n3 --> stop
`},
		{"inputs that are needed and taken, not those that are bound", burdock.MustGraph("g",
			burdock.Node(drawn[drawnAsk]("ask").Bind("model", "gpt-4")),
		), `
    start(["start"])
    n1["ask<br/>needs editor<br/>takes note"]
    stop(["end"])
    start --> n1
    n1 --> stop
`},
		{"From and Until leave out what cannot run", burdock.MustGraph("g",
			burdock.Chain(a, b, c, leaf("d")),
		).From(b).Until(c), `
    start(["start"])
    n1["b"]
    n2["c"]
    stop(["end"])
    start --> n1
    n1 --> n2
    n2 --> stop
`},
		{"actions on one state", burdock.MustGraph("g",
			burdock.Node(withActions("both", a, b), is("").Then(withoutCopy), burdock.Then(c)), burdock.Node(c), burdock.Node(withoutCopy),
		), `
    start(["start"])
    subgraph n1["both"]
        n2(["each action"])
        n4["a"]
        n5["b"]
        n3(["reduce"])
    end
    n6["c"]
    n7["d"]
    stop(["end"])
    start --> n2
    n3 -->|"text #61;#61; #34;#34;"| n7
    n3 --> n6
    n6 --> stop
    n7 --> stop
    n2 --> n4
    n4 --> n3
    n2 --> n5
    n5 --> n3
`},
		{"branch graphs to any depth", burdock.MustGraph("g",
			burdock.Node(overTexts("files", burdock.MustGraph("file",
				burdock.Node(withActions("checks", a, burdock.MustGraph("deep", burdock.Chain(b, c))), burdock.Then(judge)),
				burdock.Node(judge, is("again").Then(judge)),
			))),
		), `
    start(["start"])
    subgraph n1["files"]
        n2(["each state"])
        subgraph n4["file"]
            subgraph n5["checks"]
                n6(["each action"])
                n8["a"]
                subgraph n9["deep"]
                    n10["b"]
                    n11["c"]
                end
                n7(["reduce"])
            end
            subgraph n12["judge"]
                n13(["in"])
                n15["inner<br/>needs model, editor<br/>takes note"]
                n14(["out"])
            end
        end
        n3(["reduce"])
    end
    stop(["end"])
    start --> n2
    n3 --> stop
    n2 --> n6
    n7 --> n13
    n14 -->|"text #61;#61; #34;again#34;"| n13
    n14 -->|"otherwise"| n3
    n6 --> n8
    n8 --> n7
    n6 --> n10
    n10 --> n11
    n11 --> n7
    n13 --> n15
    n15 --> n14
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.graph.Mermaid()
			if diff := cmp.Diff("flowchart TD\n"+strings.TrimPrefix(test.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again := test.graph.Mermaid(); again != got {
				t.Errorf("the second drawing differs:\n%s", again)
			}
		})
	}
}

var (
	withoutCopy = leaf("d")
	judge       = burdock.Subgraph[drawnText, drawnText]("judge", drawn[drawnAsk]("inner"))
)

func TestMermaidOfABrokenCopySaysWhatIsWrong(t *testing.T) {
	g := burdock.MustGraph("g", burdock.Node(leaf("a"))).From(burdock.ByName("b"))
	want := "flowchart TD\n    n1[\"graph #34;g#34;#58; graph #34;g#34;#58; From#40;b#41; names 0 nodes#59; it names one\"]\n"
	if diff := cmp.Diff(want, g.Mermaid()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Names and labels come from users and may come from data. Whatever they are, each stays one quoted label of one line.
func TestMermaidEscapesAnyText(t *testing.T) {
	for text, want := range map[string]string{
		`query_llm`:               `query_llm`,
		`every file, v1.5`:        `every file, v1.5`,
		`größer 日本語`:              `größer 日本語`,
		`end`:                     `end`,
		`say "hi" [now]`:          `say #34;hi#34; #91;now#93;`,
		`a|b --> c`:               `a#124;b #45;#45;#62; c`,
		`#quot;`:                  `#35;quot#59;`,
		`<img src=x onerror=y()>`: `#60;img src#61;x onerror#61;y#40;#41;#62;`,
		"`*bold* __init__`":       `#96;#42;bold#42; #95;#95;init#95;#95;#96;`,
		`1. a list`:               `1#46; a list`,
		`- a list`:                `#45; a list`,
		`fa:fa-car`:               `fa#58;fa-car`,
		`style x:y#35;`:           `style x#58;y#35;35#59;`,
		`%%{init: {}}%%`:          `#37;#37;#123;init#58; #123;#125;#125;#37;#37;`,
		"two\nlines\r\n and more": `two lines and more`,
		`$$x^2$$`:                 `#36;#36;x#94;2#36;#36;`,
		"bell\a, not UTF-8 \xff":  `bell#65533;, not UTF-8 #65533;`,
		"\u202eright to left":     `#8238;right to left`,
		"\U0001f600":              `#128512;`,
		strings.Repeat("x", 300):  strings.Repeat("x", 99) + "…",
	} {
		cond := burdock.When(text, func(drawnText) bool { return true })
		a := leaf("a")
		got := burdock.MustGraph("g", burdock.Node(a, cond.Then(a))).Mermaid()
		if line := `    n1 -->|"` + want + `"| n1` + "\n"; !strings.Contains(got, line) {
			t.Errorf("label %q: got\n%swant the line\n%s", text, got, line)
		}
	}
}

func TestMermaidOfADescriptionIsThatOfItsGraph(t *testing.T) {
	store := &descriptions{}
	inner := burdock.MustGraph("inner", burdock.Chain(leaf("b"), drawn[drawnAsk]("ask").Bind("model", "m").Bind("editor", "e")))
	g := burdock.MustGraph("g", burdock.Chain(leaf("a"), overTexts("files", inner)))
	app, err := burdock.New(t.Context(), g, &burdock.Options{
		State: burdock.StateOf(drawnText{}), Cascade: burdock.Cascade{Store: store},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Run(t.Context(), burdock.HaltBefore(burdock.ByName("files"))); err != nil {
		t.Fatal(err)
	}
	got, err := burdock.MermaidOf(store.description)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g.Mermaid(), got); diff != "" {
		t.Errorf("(-graph +description):\n%s", diff)
	}
}

// descriptions is a store that keeps the description of a graph and nothing else.
type descriptions struct {
	burdock.Store
	description json.RawMessage
}

func (*descriptions) Load(context.Context, burdock.Ref) (burdock.Checkpoint, error) {
	return burdock.Checkpoint{}, burdock.ErrNotFound
}

func (d *descriptions) Claim(context.Context, string) (burdock.Claim, error) { return d, nil }
func (*descriptions) Fence() burdock.Fence                                   { return burdock.Fence{Epoch: 1} }
func (*descriptions) Lost() <-chan struct{}                                  { return nil }
func (*descriptions) Release(context.Context) error                          { return nil }

func (d *descriptions) Save(_ context.Context, _ burdock.Fence, batch []burdock.Checkpoint) error {
	for _, cp := range batch {
		if cp.Description != nil {
			d.description = cp.Description
		}
	}
	return nil
}

func TestMermaidOfRefusesWhatIsNoGraph(t *testing.T) {
	for text, want := range map[string]string{
		``:   "burdock: no description of a graph: unexpected end of JSON input",
		`[]`: "burdock: no description of a graph: json: cannot unmarshal array into Go value of type burdock.description",
		`{}`: `burdock: a broken description: graph "" starts at "", which is no node`,
		`{"name":"g","start":"a","nodes":[{"name":"a","routes":[{"to":"b"}]}]}`:     `burdock: a broken description: graph "g": node "a" has a route to "b", which is no node`,
		`{"name":"g","start":"a","nodes":[{"name":"a","branches":[{"name":"h"}]}]}`: `burdock: a broken description: graph "h" starts at "", which is no node`,
	} {
		got, err := burdock.MermaidOf(json.RawMessage(text))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %q and error %v, want error %q", text, got, err, want)
		}
	}
}

func FuzzMermaidOf(f *testing.F) {
	f.Add(`{"name":"g","start":"a","nodes":[{"name":"a","routes":[{"to":"a","label":"x"},{"to":"b","error":true}]},{"name":"b","kind":"map_states","branches":[{"name":"h","start":"c","nodes":[{"name":"c"}]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := burdock.MermaidOf(json.RawMessage(text))
		if err != nil {
			return
		}
		for line := range strings.Lines(got) {
			if n := strings.Count(line, `"`); n != 0 && n != 2 {
				t.Errorf("a label is not one quoted text: %s", line)
			}
		}
	})
}
