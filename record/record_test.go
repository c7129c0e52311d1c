package record_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// full has every field set, so that a field that is forgotten shows.
func full() burdock.Checkpoint {
	return burdock.Checkpoint{
		Root: "r", App: "b", Parent: burdock.Ref{App: "r", Seq: 3}, Path: "r/map#3/k", Project: "p", Partition: "t", Graph: "g", GraphHash: "h",
		Description: json.RawMessage(`{"nodes":[]}`), Seq: 2, Kind: burdock.KindSnapshot, Attempt: 4, Action: "act", Task: "task", Key: "k\xff\x00",
		Index: math.MaxInt64, Fingerprint: "fp", Join: 5, Fence: burdock.Fence{Root: "r", Epoch: 1, Dispatch: 2}, Status: burdock.StatusFailed,
		Next: "n", Route: "x < \"10\"\n", Halted: "h", RetryAt: at.Add(1), Spent: 2, Tried: at.Add(3), Inputs: []burdock.InputRecord{{Name: "i", Value: json.RawMessage("9007199254740993"), Source: "given"}},
		Messages: []string{"m"}, Origin: burdock.Ref{App: "o", Seq: 7}, Lists: true, Needs: []string{"approval"}, Started: at, Ended: at.Add(2),
		Delta: burdock.Delta{
			{Key: "a", Op: burdock.OpSet, Value: json.RawMessage(`{"b":[1,null]}`)},
			{Key: "l", Op: burdock.OpAppend, Value: json.RawMessage("[1]")},
			{Key: "d", Op: burdock.OpDelete},
		},
		Error:   &burdock.Failure{Action: "act", Seq: 2, Attempt: 4, Text: "no", Type: "*x", Sentinels: []string{"s"}, Stack: "main.go:1"},
		Unknown: map[string]json.RawMessage{"later": json.RawMessage("[1]"), "also": json.RawMessage(`"x"`)},
	}
}

var equal = cmp.Options{cmpopts.IgnoreUnexported(burdock.Failure{})}

func TestP2_EveryFieldComesBack(t *testing.T) {
	want := full()
	data, err := record.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := record.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, equal); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if again, err := record.Marshal(got); err != nil || string(again) != string(data) {
		t.Errorf("marshalled again: error %v\ngot  %s\nwant %s", err, again, data)
	}
	if !json.Valid(data) || strings.Contains(string(data), "\n") {
		t.Errorf("not one line of JSON: %s", data)
	}
}

func TestP2_TheStoredFormIsStable(t *testing.T) {
	const want = `{"v":1,"root":"r","app":"b","parent":"r","parent_seq":3,"path":"r/map#3/k","project":"p","partition":"t","graph":"g","graph_hash":"h",` +
		`"description":{"nodes":[]},"seq":2,"kind":"snapshot","attempt":4,"action":"act","task":"task","key":{"b64":"a/8A"},"index":9223372036854775807,` +
		`"fingerprint":"fp","join":5,"fence":{"epoch":1,"dispatch":2},"status":"failed","next":"n","route":"x < \"10\"\n","halted":"h",` +
		`"retry_at":"2026-01-02T03:04:05.000000007Z","spent":2,"tried":"2026-01-02T03:04:05.000000009Z","inputs":[{"name":"i","value":9007199254740993,"source":"given"}],"messages":["m"],` +
		`"origin":{"app":"o","seq":7},"delta":[{"key":"a","value":{"b":[1,null]}},{"key":"l","op":"append","value":[1]},{"key":"d","op":"delete"}],` +
		`"lists":true,"error":{"action":"act","seq":2,"attempt":4,"text":"no","type":"*x","sentinels":["s"],"stack":"main.go:1"},"needs":["approval"],` +
		`"started":"2026-01-02T03:04:05.000000006Z","ended":"2026-01-02T03:04:05.000000008Z","also":"x","later":[1]}`
	got, err := record.Marshal(full())
	if err != nil || string(got) != strings.ReplaceAll(want, "\n", `\n`) {
		t.Errorf("error %v\ngot  %s\nwant %s", err, got, want)
	}
}

func TestP2_NilAndEmptyAndZeroStayApart(t *testing.T) {
	for _, want := range []burdock.Checkpoint{
		{},
		{Kind: burdock.KindStep},
		{Kind: burdock.KindStep, Delta: burdock.Delta{}, Inputs: []burdock.InputRecord{}, Messages: []string{}, Needs: []string{}},
		{Kind: burdock.KindStep, Root: "r", Fence: burdock.Fence{Epoch: 1}},
		{Kind: burdock.KindStep, Root: "r", Fence: burdock.Fence{Root: "q"}},
		{Kind: burdock.KindStep, Root: "r", Fence: burdock.Fence{Root: "r"}},
		{Kind: burdock.KindStep, Delta: burdock.Delta{{Key: "", Op: "", Value: json.RawMessage("null")}}, Messages: []string{"", "\xff"}},
	} {
		data, err := record.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.Unmarshal(data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Errorf("%s: -want +got:\n%s", data, d)
		}
	}
}

func TestP2_ARecordOfALaterVersionIsCarriedWithItsVersion(t *testing.T) {
	const later = `{"v":9,"root":"r","app":"r","status":"completed","lease":{"until":1e3},"tags":["x"]}`
	c, err := record.Unmarshal([]byte(later))
	if err != nil {
		t.Fatal(err)
	}
	if c.Status != burdock.StatusCompleted || len(c.Unknown) != 3 {
		t.Errorf("got %+v", c)
	}
	if got, err := record.Marshal(c); err != nil || string(got) != later {
		t.Errorf("error %v\ngot  %s\nwant %s", err, got, later)
	}
}

func TestMarshalNamesWhatItCannotEncode(t *testing.T) {
	for field, c := range map[string]burdock.Checkpoint{
		"value":       {App: "r", Seq: 4, Delta: burdock.Delta{{Key: "x", Value: json.RawMessage("{")}}},
		"description": {App: "r", Seq: 4, Description: json.RawMessage("nope")},
		"later":       {App: "r", Seq: 4, Unknown: map[string]json.RawMessage{"later": json.RawMessage("[")}},
		"status":      {App: "r", Seq: 4, Unknown: map[string]json.RawMessage{"status": json.RawMessage("1")}},
		"started":     {App: "r", Seq: 4, Started: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := record.Marshal(c)
		if err == nil || !strings.Contains(err.Error(), field) || !strings.Contains(err.Error(), `checkpoint 4 of "r"`) {
			t.Errorf("got error %v, want one that names %s and the checkpoint", err, field)
		}
	}
}

func TestUnmarshalNamesWhatItCannotRead(t *testing.T) {
	for data, says := range map[string]string{
		``:                                    "not valid JSON",
		`{"v":1`:                              "not valid JSON",
		`[1]`:                                 "not a JSON object",
		`{}`:                                  `"v"`,
		`{"v":0}`:                             `"v"`,
		`{"v":"1"}`:                           `"v"`,
		`{"v":1,"seq":1.5}`:                   `"seq"`,
		`{"v":1,"seq":9223372036854775808}`:   `"seq"`,
		`{"v":1,"app":7}`:                     `"app"`,
		`{"v":1,"key":{"b64":"?"}}`:           `"key"`,
		`{"v":1,"key":{"b65":"YQ=="}}`:        `"key"`,
		`{"v":1,"lists":"yes"}`:               `"lists"`,
		`{"v":1,"started":"yesterday"}`:       `"started"`,
		`{"v":1,"delta":{}}`:                  `"delta"`,
		`{"v":1,"delta":[[]]}`:                `"delta"`,
		`{"v":1,"error":[1]}`:                 `"error"`,
		`{"v":1,"fence":7,"root":"r"}`:        "not a JSON object",
		`{"v":1,"inputs":[{"name":null}]}`:    `"name"`,
		`{"v":1,"messages":[null]}`:           `"messages"`,
		`{"v":1,"root":null}`:                 `"root"`,
		`{"v":1,"origin":{"app":"a","seq":}}`: "not valid JSON",
	} {
		if _, err := record.Unmarshal([]byte(data)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got error %v, want one that says %s", data, err, says)
		}
	}
}

func TestUnmarshalReadsAnyValidForm(t *testing.T) {
	c, err := record.Unmarshal([]byte(" {\n \"\\u0061pp\" : \"\\u00e9\\n\" , \"v\":1,\"delta\" : [ {\"value\" : [ 1 , 2 ], \"key\":\"x\"} , {\"key\":\"y\",\"op\":\"delete\"} ] ,\"messages\":[ ] } "))
	want := burdock.Checkpoint{
		App: "é\n", Kind: burdock.KindStep, Messages: []string{},
		Delta: burdock.Delta{{Key: "x", Op: burdock.OpSet, Value: json.RawMessage("[1,2]")}, {Key: "y", Op: burdock.OpDelete}},
	}
	if d := cmp.Diff(want, c, equal); err != nil || d != "" {
		t.Errorf("error %v; -want +got:\n%s", err, d)
	}
}

func TestUnmarshalSharesNoMemory(t *testing.T) {
	data, err := record.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	c, err := record.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 'x'
	}
	if d := cmp.Diff(full(), c, equal); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// FuzzUnmarshal: whatever is read is written and read again the same.
func FuzzUnmarshal(f *testing.F) {
	data, err := record.Marshal(full())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(data), `{"v":2,"x":{"a":"\ud800"}}`, `{"v":1,"key":{"b64":"//79"}}`, "{\"v\":1,\"app\":\"\xff\"}", `{"v":1,"fence":{"root":""}}`, `{"v":1,"error":{"sentinels":[]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := record.Unmarshal(data)
		if err != nil {
			return
		}
		again, err := record.Marshal(c)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		d, err := record.Unmarshal(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, again)
		}
		if diff := cmp.Diff(c, d, equal); diff != "" {
			t.Fatalf("-first +second:\n%s", diff)
		}
	})
}

// FuzzUnmarshalEvent is FuzzUnmarshal for events.
func FuzzUnmarshalEvent(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"attr","time":"2026-01-02T03:04:05Z","n":1,"name":"x","value":[1,"<"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := record.UnmarshalEvent(data)
		if err != nil {
			return
		}
		again, err := record.MarshalEvent(e, 0)
		if errors.Is(err, record.ErrEventTooLarge) {
			return
		}
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		d, err := record.UnmarshalEvent(again)
		if diff := cmp.Diff(e, d); err != nil || diff != "" {
			t.Fatalf("error %v; -first +second:\n%s", err, diff)
		}
	})
}

func BenchmarkMarshal(b *testing.B) {
	c := small()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.Marshal(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data, err := record.Marshal(small())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.Unmarshal(data); err != nil {
			b.Fatal(err)
		}
	}
}

// small is an ordinary step.
func small() burdock.Checkpoint {
	return burdock.Checkpoint{
		Root: "run-7", App: "run-7", Path: "run-7", Graph: "g", GraphHash: "0123456789abcdef", Seq: 3, Kind: burdock.KindStep, Attempt: 1, Action: "ask",
		Status: burdock.StatusCompleted, Next: "score", Delta: burdock.Delta{{Key: "text", Op: burdock.OpSet, Value: json.RawMessage(`"some words"`)}},
		Started: at, Ended: at.Add(time.Second),
	}
}
