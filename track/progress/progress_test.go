package progress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/track/tracktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTracker(t *testing.T) {
	tracktest.Run(t, func(t *testing.T) burdock.Tracker {
		v := New(&page{}, nil)
		t.Cleanup(func() { closed(t, v) })
		return v
	}, nil)
}

// A page is a writer that may be read while others write.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  error
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// terminal returns a View on a terminal of some columns.
func terminal(p *page, columns int) *View {
	v := New(p, nil)
	v.screen.terminal = true
	v.screen.columns = func() int { return columns }
	return v
}

type item struct {
	N int `state:"n,key"`
}

type items struct {
	N int `state:"items"`
}

// over makes a map of as many branches as its state says; total is its attribute.
func over(name string, r burdock.Runnable, total any, opts *burdock.MapOptions) *burdock.Action {
	return burdock.MapStates(name, r,
		func(ctx context.Context, in items) iter.Seq2[item, error] {
			burdock.Attr(ctx, "total", total)
			return func(yield func(item, error) bool) {
				for i := range in.N {
					if !yield(item{i}, nil) {
						return
					}
				}
			}
		},
		func(_ context.Context, _ items, rs *burdock.Results[item, burdock.None]) (burdock.None, error) {
			for range rs.All() {
				continue
			}
			return burdock.None{}, nil
		}, opts)
}

// work takes about a second for an item, so that nothing happens in the moment of a line, and fails for each tenth.
var work = burdock.Func("work", func(_ context.Context, it item) (burdock.None, error) {
	time.Sleep(990 * time.Millisecond)
	if it.N%10 == 9 {
		return burdock.None{}, errors.New("no luck")
	}
	return burdock.None{}, nil
})

var collect = &burdock.MapOptions{Limit: 2, Failures: burdock.Collect}

// run runs one parallel action over n items.
func run(t *testing.T, v *View, a *burdock.Action, n int) {
	t.Helper()
	app, err := burdock.New(t.Context(), burdock.MustGraph("g", burdock.Node(a)), &burdock.Options{
		State: burdock.StateOf(items{n}), Cascade: burdock.Cascade{Tracker: v},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, v *View) {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestLinesAtIntervalsWhereThereIsNoTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := New(&p, nil)
		run(t, v, over("review", work, 50, collect), 50)
		closed(t, v)
		want := `review: 18 of 50 done, 2 failed, 2 running, 2.0/s, 15s left
review: 36 of 50 done, 4 failed, 2 running, 2.0/s, 5s left
review: 45 of 50 done, 5 failed, in 24.8s
`
		if diff := cmp.Diff(want, p.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestIntervalIsAnOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := New(&p, &Options{Interval: 2500 * time.Millisecond})
		run(t, v, over("review", work, nil, collect), 8)
		closed(t, v)
		want := `review: 4 done, 2 running, 1.6/s
review: 8 done, in 4s
`
		if diff := cmp.Diff(want, p.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestOneLineDrawnAnewOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := terminal(&p, 80)
		run(t, v, over("review", work, 12, collect), 12)
		closed(t, v)
		text := p.String()
		if n := strings.Count(text, "\n"); n != 1 || !strings.HasSuffix(text, "\n") {
			t.Errorf("got %d newlines, want one at the end: %q", n, text)
		}
		if n := strings.Count(text, "\r"); n < 50 || n > 61 {
			t.Errorf("drawn %d times in 6 s, want 10 times a second", n)
		}
		if got, want := screenOf(text), "review: 11 of 12 done, 1 failed, in 5.9s"; got != want {
			t.Errorf("got %q on the screen, want %q", got, want)
		}
		shown := false
		for line := range strings.SplitSeq(text, "\r") {
			shown = shown || strings.TrimRight(line, " ") == "review: 6 of 12 done, 2 running, 2.0/s, 3s left"
		}
		if !shown {
			t.Errorf("the line after 3 s is not in %q", text)
		}
	})
}

// screenOf returns what stands on the line of a terminal after text.
func screenOf(text string) string {
	var line []rune
	at := 0
	for _, r := range strings.TrimSuffix(text, "\n") {
		if r == '\r' {
			at = 0
			continue
		}
		if at == len(line) {
			line = append(line, r)
		}
		line[at] = r
		at++
	}
	return strings.TrimRight(string(line), " ")
}

func TestNestedFanOutsAndOtherActionsDoNotDisturb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := New(&p, &Options{Interval: time.Second})
		type outer struct {
			N     int `state:"n,key"`
			Items int `state:"items"`
		}
		inner := over("inner", work, 7, &burdock.MapOptions{Limit: 7})
		files := burdock.MapStates("files", inner,
			func(context.Context, items) iter.Seq2[outer, error] {
				return burdock.Each([]int{0, 1}, func(i int) outer { return outer{i, 7} })
			},
			func(_ context.Context, _ items, rs *burdock.Results[outer, burdock.None]) (burdock.None, error) {
				for range rs.OK() {
					continue
				}
				return burdock.None{}, nil
			}, &burdock.MapOptions{Limit: 1})
		tokens := burdock.Func("tokens", func(ctx context.Context, _ burdock.None) (burdock.None, error) {
			burdock.Attr(ctx, "total", 312)
			time.Sleep(5 * time.Second)
			return burdock.None{}, nil
		})
		single := burdock.Subgraph[items, burdock.None]("single", files)
		app, err := burdock.New(t.Context(), burdock.MustGraph("g", burdock.Chain(tokens, single, files)), &burdock.Options{
			State: burdock.StateOf(items{7}), Cascade: burdock.Cascade{Tracker: v},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		closed(t, v)
		for line := range strings.Lines(p.String()) {
			if !strings.HasPrefix(line, "files: ") || strings.Contains(line, "of") {
				t.Errorf("got %q, want only lines of the two branches of files", line)
			}
		}
		if want := "files: 2 done, in 2s\n"; !strings.HasSuffix(p.String(), want) {
			t.Errorf("got\n%swant %q at the end", p.String(), want)
		}
	})
}

func TestRestoredBranchesAreNoWorkOfThisRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		var p page
		v := New(&p, &Options{Interval: 4 * time.Second})
		review := func(ctx context.Context, v *View) error {
			app, err := burdock.Open(t.Context(), burdock.MustGraph("g", burdock.Node(over("review", work, 30, collect))), &burdock.Options{
				ID: "run-7", State: burdock.StateOf(items{30}), Cascade: burdock.Cascade{Store: store, Tracker: v},
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = app.Run(ctx)
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer cancel()
		if err := review(ctx, v); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got error %v, want %v", err, context.DeadlineExceeded)
		}
		closed(t, v)
		again := New(&p, nil)
		if err := review(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		closed(t, again)
		last := p.String()[strings.LastIndex(strings.TrimSuffix(p.String(), "\n"), "\n")+1:]
		if !strings.Contains(p.String(), "review cancelled: ") {
			t.Errorf("got\n%swant the end of the first run", p.String())
		}
		if !strings.HasPrefix(last, "review: 27 of 30 done, 1") || !strings.Contains(last, " restored, 3 failed, in ") {
			t.Errorf("got the last line %q, want 27 done, 1x restored, 3 failed", last)
		}
	})
}

func TestASecondAttemptCountsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := New(&p, nil)
		failing := over("review", work, 12, &burdock.MapOptions{Limit: 3})
		app, err := burdock.New(t.Context(), burdock.MustGraph("g", burdock.Node(failing)), &burdock.Options{
			State: burdock.StateOf(items{12}), Cascade: burdock.Cascade{Tracker: v},
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := app.Run(t.Context()); err == nil {
				t.Fatal("Run did not fail")
			}
		}
		closed(t, v)
		lines := strings.Split(strings.TrimSpace(p.String()), "\n")
		for _, line := range lines {
			if !strings.HasPrefix(line, "review failed: ") || !strings.Contains(line, " of 12 done, 1 failed, ") {
				t.Errorf("got %q, want one failure of each attempt", line)
			}
		}
		if len(lines) != 2 {
			t.Errorf("got %d lines, want one for each attempt:\n%s", len(lines), p.String())
		}
	})
}

func TestTheFanOutThatBeganLastIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := New(&p, &Options{Interval: 2500 * time.Millisecond})
		var runs sync.WaitGroup
		for i := range 3 {
			runs.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				run(t, v, over("map-"+strconv.Itoa(i), work, 8, collect), 8)
			})
		}
		runs.Wait()
		closed(t, v)
		if !strings.HasPrefix(p.String(), "map-2: ") {
			t.Errorf("got\n%swant a line of map-2 first", p.String())
		}
		for i := range 3 {
			if want := fmt.Sprintf("map-%d: 8 done, in 4s\n", i); !strings.Contains(p.String(), want) {
				t.Errorf("got\n%swant %q in it", p.String(), want)
			}
		}
	})
}

func TestANarrowTerminalGetsWhatMatters(t *testing.T) {
	parts := func() []part {
		return []part{
			{always, "review_the_files: "},
			{always, "1534 of 11500 done"},
			{4, "300 restored"},
			{7, "2 failed"},
			{5, "8 running"},
			{1, "152/s"},
			{6, "1m6s left"},
		}
	}
	for columns, want := range map[int]string{
		100: "review_the_files: 1534 of 11500 done, 300 restored, 2 failed, 8 running, 152/s, 1m6s left",
		79:  "review_the_files: 1534 of 11500 done, 2 failed, 8 running, 1m6s left",
		60:  "review_the_files: 1534 of 11500 done, 2 failed, 1m6s left",
		45:  "review_the_fil…: 1534 of 11500 done, 2 failed",
		30:  "review_the_…: 1534 of 11500 d…",
		1:   "…",
		0:   "",
	} {
		got := fit(parts(), columns)
		if got != want || width(got) > columns {
			t.Errorf("%d columns: got %q of %d, want %q", columns, got, width(got), want)
		}
	}
}

func TestWideCharactersCountTwice(t *testing.T) {
	if got, want := cut("ファイルの確認", 7), "ファイ…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := width("e\u0301"); got != 1 {
		t.Errorf("got %d columns for a letter with an accent, want 1", got)
	}
}

func TestNoControlCharacterReachesTheTerminal(t *testing.T) {
	got := newFan(burdock.Ref{}, "a\x1b[2Jb\nc\u202ed\u009be\xff").name
	if want := "a�[2Jb�c�d�e�"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNothingIsWrittenAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := terminal(&p, 80)
		closed(t, v)
		run(t, v, over("review", work, 4, collect), 4)
		closed(t, v)
		if p.String() != "" {
			t.Errorf("got %q, want nothing", p.String())
		}
	})
}

func TestCloseEndsTheLineThatStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		v := terminal(&p, 80)
		time.AfterFunc(2500*time.Millisecond, func() { closed(t, v) })
		run(t, v, over("review", work, 8, collect), 8)
		if got, want := screenOf(p.String()), "review: 4 of 8 done, 2 running, 1.6/s, 3s left"; got != want || !strings.HasSuffix(p.String(), "\n") {
			t.Errorf("got %q, want %q and a newline", got, want)
		}
	})
}

func TestCloseReturnsTheErrorOfTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := page{err: errors.New("the reader is gone")}
		v := terminal(&p, 80)
		run(t, v, over("review", work, 4, collect), 4)
		for range 2 {
			if err := v.Close(); !errors.Is(err, p.err) {
				t.Errorf("got error %v, want %v", err, p.err)
			}
		}
	})
}

func TestRateIsThatOfTheLastHalfMinute(t *testing.T) {
	start := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	s := speed{{at: start}}
	n := int64(0)
	rate := 0.0
	for i := range 100 {
		per := int64(50)
		if i >= 50 {
			per = 2
		}
		n += per
		rate = s.rate(start.Add(time.Duration(i+1)*time.Second), n)
	}
	if rate != 2 {
		t.Errorf("got %v per second, want 2, as for the last 50 s", rate)
	}
	if len(s) > 32 {
		t.Errorf("%d samples are kept, want those of 30 s", len(s))
	}
}

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		412345 * time.Microsecond:            "412ms",
		1249 * time.Millisecond:              "1.2s",
		72400 * time.Millisecond:             "1m12s",
		2*time.Hour + 5*time.Minute + 1:      "2h5m",
		1000*time.Hour + 29*time.Second:      "1000h0m",
		59*time.Minute + 59*time.Second + 99: "59m59s",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
	for n, want := range map[float64]string{152.4: "152/s", 1.84: "1.8/s", 0.5: "30.0/min"} {
		if got := perTime(n); got != want {
			t.Errorf("%v: got %q, want %q", n, got, want)
		}
	}
	for value, want := range map[any]int64{11500: 11500, uint8(7): 7, 2.5: 2, "11": 0, nil: 0, -1: 0, 0.5: 0} {
		if got, ok := number(value); ok != (want > 0) || ok && got != want {
			t.Errorf("%v: got %d, %v, want %d", value, got, ok, want)
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s := newScreen(f); s.terminal {
		t.Error("a file is taken for a terminal")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if s := newScreen(null); s.terminal {
		t.Error(os.DevNull + " is taken for a terminal")
	}
}

func TestTrackCountsWithoutALockOrGarbage(t *testing.T) {
	var p page
	v := New(&p, nil)
	defer closed(t, v)
	step := burdock.Event{Kind: burdock.EventStepStarted, Root: "r", App: "r", Seq: 1, Action: "review"}
	began := burdock.Event{Kind: burdock.EventBranchStarted, Root: "r", App: "b", Parent: burdock.Ref{App: "r", Seq: 1}}
	ended := began
	ended.Kind, ended.Status = burdock.EventBranchEnded, burdock.StatusCompleted
	track := func(e burdock.Event) { _ = v.Track(t.Context(), e) }
	track(step)
	track(began)
	v.mu.Lock() // a slow terminal
	if n := testing.AllocsPerRun(100, func() { track(began); track(ended) }); n > 0 {
		t.Errorf("Track allocates %v times, want none", n)
	}
	v.mu.Unlock()
}

func BenchmarkTrack(b *testing.B) {
	v := New(&page{}, nil)
	defer v.Close()
	ctx := context.Background()
	began := burdock.Event{Kind: burdock.EventBranchStarted, Root: "r", App: "b", Parent: burdock.Ref{App: "r", Seq: 1}}
	_ = v.Track(ctx, burdock.Event{Kind: burdock.EventStepStarted, Root: "r", App: "r", Seq: 1, Action: "review"})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = v.Track(ctx, began)
		}
	})
}
