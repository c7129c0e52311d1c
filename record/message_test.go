package record_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

func fullMessage() burdock.Message {
	return burdock.Message{
		ID: "m\xff", Root: "r", To: burdock.Ref{App: "child", Seq: 2}, Kind: burdock.MessageAnswer, Posted: at,
		Inputs: []burdock.InputRecord{{Name: "i", Value: json.RawMessage("9007199254740993"), Source: "answer"}},
	}
}

func TestI8_EveryFieldOfAMessageComesBack(t *testing.T) {
	empty := fullMessage()
	empty.Inputs = []burdock.InputRecord{}
	for _, want := range []burdock.Message{fullMessage(), empty, {}} {
		data, err := record.MarshalMessage(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.UnmarshalMessage(data)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("error %v; -want +got:\n%s", err, d)
		}
	}
}

func TestI8_TheStoredFormOfAMessageIsStable(t *testing.T) {
	data, err := record.MarshalMessage(fullMessage())
	const want = `{"v":1,"id":{"b64":"bf8="},"root":"r","app":"child","seq":2,"kind":"answer",` +
		`"inputs":[{"name":"i","value":9007199254740993,"source":"answer"}],"posted":"2026-01-02T03:04:05.000000006Z"}`
	if err != nil || string(data) != want {
		t.Errorf("error %v\ngot  %s\nwant %s", err, data, want)
	}
}

func TestI8_AMessageThatSaysTooLittleOrIsBrokenIsNamed(t *testing.T) {
	for says, change := range map[string]func(*burdock.Message){
		"no id": func(m *burdock.Message) { m.ID = "" }, "no root": func(m *burdock.Message) { m.Root = "" },
		"no application": func(m *burdock.Message) { m.To.App = "" }, `"shout"`: func(m *burdock.Message) { m.Kind = "shout" },
	} {
		m := fullMessage()
		change(&m)
		if err := record.CheckMessage(m); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "step 2") {
			t.Errorf("got error %v, want one that says %q and names the step", err, says)
		}
	}
	broken := fullMessage()
	broken.Inputs[0].Value = json.RawMessage("{")
	if _, err := record.MarshalMessage(broken); err == nil || !strings.Contains(err.Error(), "step 2") {
		t.Errorf("got error %v, want one that names the step", err)
	}
	for _, data := range []string{"", "[]", "{}", `{"v":1,"id":7}`, `{"v":1,"kind":[]}`} {
		if m, err := record.UnmarshalMessage([]byte(data)); err == nil {
			t.Errorf("%s was read as %+v", data, m)
		}
	}
}
