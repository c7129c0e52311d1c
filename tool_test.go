package burdock_test

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
)

type (
	place struct {
		City string `json:"city" doc:"where"`
		Zip  *int   `json:"zip,omitempty"`
	}
	booking struct {
		Query  string          `state:"query" doc:"words to look for"`
		Most   int             `state:"most,optional"`
		Price  float64         `state:"price"`
		Places []place         `state:"places"`
		When   time.Time       `state:"when,optional"`
		Extra  map[string]bool `state:"extra,optional"`
		Raw    json.RawMessage `state:"raw,optional"`
		Pair   [2]uint8        `state:"pair,optional"`
		Key    string          `input:"key"`
	}
)

func book(_ context.Context, b booking) (told, error) {
	return told{strings.Join([]string{b.Query, b.Places[0].City, b.Key}, " ")}, nil
}

var bookTool = burdock.Func("book", book)

// Schema tells a model what the action reads.
func TestSchema(t *testing.T) {
	want := `{"type":"object","properties":{` +
		`"query":{"type":"string","description":"words to look for"},` +
		`"most":{"type":"integer"},` +
		`"price":{"type":"number"},` +
		`"places":{"type":"array","items":{"type":"object","properties":{"city":{"type":"string","description":"where"},"zip":{"type":["integer","null"]}},"required":["city"],"additionalProperties":false}},` +
		`"when":{"type":"string","format":"date-time"},` +
		`"extra":{"type":"object","additionalProperties":{"type":"boolean"}},` +
		`"raw":{},` +
		`"pair":{"type":"array","items":{"type":"integer","minimum":0},"maxItems":2}},` +
		`"required":["query","price","places"],"additionalProperties":false}`
	if got := string(bookTool.Schema()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	raw := burdock.Raw("raw", nil, nil, func(_ context.Context, s burdock.State) (burdock.State, error) { return s, nil })
	if got := string(raw.Schema()); got != "null" {
		t.Errorf("of an action without a window: got %s", got)
	}
}

// Decode takes what fits, and says everything that does not.
func TestDecode(t *testing.T) {
	renamed := bookTool.Rename(burdock.Keys{"query": "words"})
	state, err := renamed.Decode([]byte(`{"query":"inn","price":7,"places":[{"city":"Rome","zip":null},{"city":"Bern","zip":3000}],"when":"2026-01-02T03:04:05Z","raw":{"a":[1]},"pair":[1,255]}`))
	if err != nil {
		t.Fatal(err)
	}
	if words, _ := burdock.Key[string]("words").Get(state); words != "inn" || state.Has("query") || state.Has("most") {
		t.Errorf("got %v, want the state under the graph's names", slices.Collect(state.Keys()))
	}
	if places, _ := burdock.Key[[]place]("places").Get(state); len(places) != 2 || *places[1].Zip != 3000 {
		t.Errorf("got %v", places)
	}
	good := `"query":"inn","price":7,"places":[]`
	for call, want := range map[string][]string{
		`{`:                                      {"no valid JSON"},
		`[]`:                                     {"is array, not object"},
		``:                                       {"no valid JSON"},
		"{\"query\":\"\xff\"}":                   {"UTF-8"},
		`{"query":"inn"}`:                        {`"price" is missing`, `"places" is missing`},
		`{` + good + `,"qwery":1}`:               {`"qwery" is unknown; known are query, most, price`},
		`{"query":7,"price":"7","places":{}}`:    {`"query" is integer, not string`, `"price" is string, not number`, `"places" is object, not array`},
		`{"query":null,"price":7,"places":null}`: {`"query" is null`, `"places" is null`},
		`{"query":"","price":7,"places":[{"city":"a"},{"town":"b"}]}`:                {`"places"[1]."city" is missing`, `"places"[1]."town" is unknown`},
		`{` + good + `,"most":1.5}`:                                                  {`"most" is number, not integer`},
		`{` + good + `,"most":99999999999999999999}`:                                 {"most"},
		`{` + good + `,"when":"tomorrow"}`:                                           {"when"},
		`{` + good + `,"extra":{"b":1,"a":null}}`:                                    {`"extra"."a" is null, not boolean`, `"extra"."b" is integer`},
		`{` + good + `,"pair":[1,2,3]}`:                                              {"at most 2"},
		`{` + good + `,"pair":[1,-2]}`:                                               {"pair"},
		`{` + good + `,"key":"secret"}`:                                              {`"key" is unknown`},
		`{"places":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`: {"deep"},
	} {
		_, err := bookTool.Decode([]byte(call))
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%.60s: got %v, want an error with %q", call, err, w)
			}
		}
	}
}

// A model decides which tools run; a call that does not fit fails alone.
func TestToolCallsAreTasks(t *testing.T) {
	type call struct{ id, name, arguments string }
	calls := []call{
		{"c1", "book", `{"query":"inn","price":7,"places":[{"city":"Rome"}]}`},
		{"c2", "book", `{"query":"inn"}`},
		{"c3", "shout", `{"prompt":"hey"}`},
	}
	shout := burdock.Func("shout", func(_ context.Context, in promptOnly) (told, error) { return told{strings.ToUpper(in.Prompt)}, nil })
	tools := map[string]*burdock.Action{"book": bookTool.Bind("key", "k"), "shout": shout}
	a := burdock.MapTasks("tools", burdock.Actions(tools["book"], shout),
		func(context.Context, burdock.None) iter.Seq2[burdock.Task[burdock.State], error] {
			return func(yield func(burdock.Task[burdock.State], error) bool) {
				for _, c := range calls {
					tool := tools[c.name]
					state, err := tool.Decode([]byte(c.arguments))
					if !yield(burdock.Task[burdock.State]{Key: c.id, Run: tool, State: state, Err: err}, nil) {
						return
					}
				}
			}
		},
		func(_ context.Context, _ burdock.None, rs *burdock.Results[burdock.State, told]) (h heard, err error) {
			for r := range rs.All() {
				text := r.Out.Text
				if r.Err != nil {
					text = "does not fit"
				}
				h.Texts = append(h.Texts, r.Key()+" "+text)
			}
			return h, nil
		}, &burdock.MapOptions{Failures: burdock.Collect})
	got, err := runTexts(t, a, nil)
	if want := []string{"c1 inn Rome k", "c2 does not fit", "c3 HEY"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// Whatever Decode takes, the action takes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"query":"inn","price":7,"places":[{"city":"Rome","zip":null}],"when":"2026-01-02T03:04:05Z","raw":{"a":[1]},"pair":[1,255]}`))
	f.Add([]byte(`{"query":"","price":1e9,"places":[],"extra":{"a":true},"most":-3}`))
	f.Add([]byte(`{"query":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := bookTool.Decode(data)
		if err != nil {
			return
		}
		if _, err := burdock.View[struct {
			Query  string  `state:"query"`
			Price  float64 `state:"price"`
			Places []place `state:"places"`
		}](state); err != nil {
			t.Errorf("%q: %v", data, err)
		}
		if !json.Valid(data) {
			t.Errorf("%q is no JSON", data)
		}
	})
}
