package record_test

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

func fullEvent() burdock.Event {
	return burdock.Event{
		Kind: burdock.EventSpanEnded, Time: at, Root: "r", App: "child", Path: "r/map#1/k", Parent: burdock.Ref{App: "r", Seq: 1}, Project: "p",
		Partition: "q", Seq: 2, Attempt: 3, N: 4, Action: "act", Task: "task", Key: "k\xff", Index: 5, Join: 6, Graph: "g", GraphHash: "h",
		Status: burdock.StatusFailed, Stop: burdock.StopFailed, Next: "n", Error: "no <good>", Needs: []string{"approval"}, Started: at.Add(-1),
		Name: "embed", Span: 7, ParentSpan: 8, Value: json.RawMessage(`{"n":9007199254740993}`),
	}
}

func TestT2_EveryFieldOfAnEventComesBack(t *testing.T) {
	data, err := record.MarshalEvent(fullEvent(), 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := record.UnmarshalEvent(data)
	if d := cmp.Diff(fullEvent(), got); err != nil || d != "" {
		t.Errorf("error %v; -want +got:\n%s", err, d)
	}
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no JSON today") }

func TestT2_ValuesOfEventsAreEncodedAsUsersExpect(t *testing.T) {
	for want, value := range map[string]any{
		`"<x>"`: "<x>", `312`: 312, `-1`: int64(-1), `true`: true, `1.5`: 1.5, `"EOF"`: io.EOF, `{"a":"<"}`: map[string]string{"a": "<"},
		`"YQ=="`: []byte("a"), `null`: (*int)(nil), `[1,2]`: json.RawMessage("[1, 2]"),
	} {
		data, err := record.MarshalEvent(burdock.Event{Value: value}, 0)
		if err != nil {
			t.Errorf("%v: %v", value, err)
			continue
		}
		e, err := record.UnmarshalEvent(data)
		got, _ := e.Value.(json.RawMessage)
		if unescaped := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(got)); err != nil || unescaped != want {
			t.Errorf("%v: got %s, error %v, want %s", value, got, err, want)
		}
	}
}

func TestT2_AnEventThatCannotBeStoredIsAnErrorThatNamesIt(t *testing.T) {
	for says, value := range map[string]any{
		"unsupported type": make(chan int), "unsupported value": math.NaN(), "no JSON today": panics{}, "unexpected end": json.RawMessage("{"),
	} {
		e := fullEvent()
		e.Value = value
		_, err := record.MarshalEvent(e, 0)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `"child", step 2, attempt 3, number 4`) {
			t.Errorf("got error %v, want one that says %q and names the event", err, says)
		}
	}
}

func TestT2_TheSizeOfAnEventIsBounded(t *testing.T) {
	fits, large, texts := fullEvent(), fullEvent(), fullEvent()
	fits.Value, large.Value = strings.Repeat("x", record.MaxEventValue-2), strings.Repeat("x", record.MaxEventValue-1)
	texts.Error = strings.Repeat("x", 1<<20)
	if _, err := record.MarshalEvent(fits, 0); err != nil {
		t.Error(err)
	}
	if _, err := record.MarshalEvent(large, 1<<20); err != nil {
		t.Error(err)
	}
	for _, e := range []burdock.Event{large, texts} {
		if _, err := record.MarshalEvent(e, 0); !errors.Is(err, record.ErrEventTooLarge) {
			t.Errorf("got %v, want ErrEventTooLarge", err)
		}
	}
}

func BenchmarkMarshalEvent(b *testing.B) {
	e := fullEvent()
	e.Key, e.Value = "k", 312
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.MarshalEvent(e, 0); err != nil {
			b.Fatal(err)
		}
	}
}
