package storetest

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
)

type jsonValue = json.RawMessage

// full has every field set.
func full() burdock.Checkpoint {
	return burdock.Checkpoint{
		Root: "r", App: "child", Parent: burdock.Ref{App: "r", Seq: 3}, Path: "r/map#3/k", Project: "p", Partition: "t",
		Graph: "g", GraphHash: "h", Description: jsonValue(`{"nodes":[]}`), Seq: 2, Kind: burdock.KindStep, Attempt: 4,
		Action: "act", Task: "task", Key: "k", Index: 9, Fingerprint: "fp", Join: 5,
		Fence: burdock.Fence{Root: "r", Epoch: 1, Dispatch: 0}, Status: burdock.StatusFailed, Next: "n", Route: "count < 10", Halted: "h",
		RetryAt: epoch.Add(time.Hour), Inputs: []burdock.InputRecord{{Name: "i", Value: jsonValue(`"v"`), Source: "answer"}},
		Messages: []string{"m1", "m2"}, Origin: burdock.Ref{App: "o", Seq: 7},
		Delta: burdock.Delta{set("a", `{"b":[1,null,"c"]}`), grow("l", `[1,2]`), {Key: "d", Op: burdock.OpDelete}}, Lists: true,
		Error: &burdock.Failure{Action: "act", Seq: 2, Attempt: 4, Text: "no", Type: "*x", Sentinels: []string{"s"}, Stack: "main.go:1"},
		Needs: []string{"approval"}, Started: epoch, Ended: epoch.Add(1), Unknown: map[string]jsonValue{"later": jsonValue("[1]")},
	}
}

// loads saves c and expects it back, by Load and by List.
func (s *suite) loads(c burdock.Checkpoint) {
	s.Helper()
	s.save(c)
	s.same(s.load(c.App, c.Seq), c)
	s.same(s.all(burdock.Query{App: c.App})[0], c)
}

var valueChecks = []check{
	{"P2_every_field_comes_back", func(s *suite) { s.loads(full()) }},
	{"P2_a_record_of_zero_fields_comes_back", func(s *suite) {
		s.loads(burdock.Checkpoint{Root: "r", App: "r", Kind: burdock.KindStep})
	}},
	{"P2_fields_of_a_fence_that_is_not_the_records_own_come_back", func(s *suite) {
		c := step("r", 1, "b")
		c.Fence = burdock.Fence{Root: "other", Epoch: 3, Dispatch: 2}
		s.loads(c)
		c.Fence = burdock.Fence{}
		s.loads(c)
	}},
	{"P2_integers_beyond_2_to_the_53_keep_their_digits", func(s *suite) {
		s.loads(step("r", 1, "b", set("n", "9007199254740993"), set("m", `[18446744073709551615,-9223372036854775808,1e400,0.10]`)))
		c := step("q", math.MaxInt64, "b")
		c.Index, c.Join, c.Attempt = math.MaxInt64, 9007199254740993, math.MaxInt32
		s.loads(c)
	}},
	{"P2_times_keep_their_nanoseconds_and_are_UTC", func(s *suite) {
		c := step("r", 1, "b")
		c.Started, c.Ended = time.Date(2026, 3, 29, 2, 30, 0, 999_999_999, time.UTC), time.Date(2026, 3, 29, 2, 30, 1, 1, time.UTC)
		c.RetryAt = time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC)
		s.loads(c)
		if got := s.load("r", 1).Started; got.Location() != time.UTC {
			s.Errorf("got a time in %v, want UTC", got.Location())
		}
		c.Started, c.Ended = time.Date(1066, 10, 14, 9, 0, 0, 1, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		s.loads(c)
		c.Started, c.Ended = epoch, epoch.Add(-time.Hour) // a clock that was set back
		s.loads(c)
		c.Started, c.Ended = time.Time{}, epoch
		s.loads(c)
	}},
	{"P2_a_time_of_another_zone_is_the_same_instant", func(s *suite) {
		c := step("r", 1, "b")
		want := c.Started
		c.Started = c.Started.In(time.FixedZone("x", 3600))
		s.save(c)
		if got := s.load("r", 1).Started; !got.Equal(want) || got.Location() != time.UTC {
			s.Errorf("got %v, want %v", got, want)
		}
	}},
	{"P2_nil_and_empty_stay_apart", func(s *suite) {
		c := step("r", 1, "b")
		c.Delta, c.Inputs, c.Messages, c.Needs = burdock.Delta{}, []burdock.InputRecord{}, []string{}, []string{}
		s.loads(c)
		c.Delta, c.Inputs, c.Messages, c.Needs = nil, nil, nil, nil
		s.loads(c)
		c.Delta = burdock.Delta{set("null", "null"), set("empty", "[]"), set("object", "{}"), set("text", `""`)}
		s.loads(c)
	}},
	{"M11_a_key_of_4096_bytes_comes_back", func(s *suite) {
		c := branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 1)
		c.Key = strings.Repeat("k", 4096)
		c.Path = "r/map#1/" + c.Key
		s.loads(c)
	}},
	{"M11_a_key_of_any_bytes_comes_back", func(s *suite) {
		c := branch("r", burdock.Ref{App: "r", Seq: 1}, 0, 1)
		c.Key = "\x00\xff\xfe a\n\"\\\u2028"
		s.loads(c)
		var every [256]byte
		for i := range every {
			every[i] = byte(i)
		}
		c.Key = string(every[:])
		s.loads(c)
	}},
	{"P2_text_in_every_script_comes_back", func(s *suite) {
		c := step("r", 1, "b", set("日本", `"<&>\u2028 \ud83d\ude00 é"`))
		c.Action, c.Route, c.Project = "läuft", "x < 10 && \"y\"\n", "\U0001F600\x7f"
		s.loads(c)
	}},
	{"P2_a_delta_of_1_MiB_comes_back", func(s *suite) {
		s.loads(step("r", 1, "b", set("big", `"`+strings.Repeat("x", 1<<20)+`"`)))
	}},
	{"P2_a_failure_comes_back_as_an_error_of_the_same_text", func(s *suite) {
		c := step("r", 1, "")
		c.Status, c.Error = burdock.StatusFailed, &burdock.Failure{Text: "out of paper"}
		s.save(c)
		got := s.load("r", 1).Error
		if got == nil || got.Err() == nil || got.Err().Error() != "out of paper" || errors.Unwrap(got.Err()) != nil {
			s.Errorf("got failure %+v", got)
		}
	}},
	{"P2_a_store_keeps_copies", func(s *suite) {
		value := jsonValue(`"before"`)
		c := step("r", 1, "b", burdock.Change{Key: "x", Op: burdock.OpSet, Value: value})
		c.Messages = []string{"before"}
		s.save(c)
		copy(value, `"AFTER!"`)
		c.Messages[0], c.Delta[0].Key = "after", "after"
		s.same(s.load("r", 1), func() burdock.Checkpoint {
			want := step("r", 1, "b", set("x", `"before"`))
			want.Messages = []string{"before"}
			return want
		}())
	}},
}
