package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/burdock-go/burdock"
)

// after sleeps for a time that the name says, such as 3 for 3 s, and says the name back.
func after(ctx context.Context, name string) (string, error) {
	var s int
	if _, err := fmt.Sscanf(name, "s%d", &s); err != nil {
		return "", err
	}
	select {
	case <-time.After(time.Duration(s) * time.Second):
		return name, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// M7, M14: OK and All keep the order of the sequence, AsDone that of completion.
func TestM7_Orders(t *testing.T) {
	tests := []struct {
		name string
		read func(rs *twigResults) []string
		want string
	}{
		{"OK", func(rs *twigResults) []string { return wordsOf(rs.OK()) }, "s3 s1 s2"},
		{"All", func(rs *twigResults) []string { return wordsOf(rs.All()) }, "s3 s1 bad! s2"},
		{"AsDone", func(rs *twigResults) []string { return wordsOf(rs.AsDone()) }, "s1 s2 s3"},
		{"a second loop has nothing left", func(rs *twigResults) []string {
			return append(wordsOf(rs.OK()), wordsOf(rs.All())...)
		}, "s3 s1 s2"},
		{"break and go on", func(rs *twigResults) []string {
			var words []string
			for r := range rs.OK() {
				words = append(words, r.Out.Word)
				break
			}
			words = append(words, "|")
			return append(words, wordsOf(rs.OK())...)
		}, "s3 | s1 s2"},
		{"mixed; the failure was first and AsDone has passed over it", func(rs *twigResults) []string {
			var words []string
			for r := range rs.AsDone() {
				words = append(words, r.Out.Word)
				break
			}
			for r := range rs.All() {
				words = append(words, r.Out.Word)
				break
			}
			return append(words, wordsOf(rs.All())...)
		}, "s1 s3 s2"},
		{"AsDone passes over a failure, All finds nothing of it", func(rs *twigResults) []string {
			return append(wordsOf(rs.AsDone()), wordsOf(rs.All())...)
		}, "s1 s2 s3"},
		{"never asks", func(*twigResults) []string { return []string{"nothing"} }, "nothing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rigOf("s3", "s1", "bad", "s2")
				r.do, r.opts = after, &burdock.MapOptions{Failures: burdock.Collect}
				r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) { return test.read(rs), nil }
				got, err := r.run(t)
				wantWords(t, got, err, test.want)
			})
		})
	}
}

// M8, M9: returning early cancels the rest with ErrNotNeeded, and waits for it.
func TestM9_EarlyReturnCancelsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s5", "s1", "s9")
		causes := map[string]error{}
		r.do = func(ctx context.Context, name string) (string, error) {
			word, err := after(ctx, name)
			if err != nil {
				time.Sleep(time.Minute) // on the way out
				r.mu.Lock()
				causes[name] = err
				r.mu.Unlock()
			}
			return word, err
		}
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			for x := range rs.AsDone() {
				return []string{x.Out.Word}, nil
			}
			return nil, rs.Err()
		}
		got, err := r.run(t)
		wantWords(t, got, err, "s1")
		for _, name := range []string{"s5", "s9"} {
			wantIs(t, causes[name], burdock.ErrNotNeeded)
		}
	})
}

// M9: a branch error that arrives after reduce has returned does not make a failure of it. This guards against the bug
// of the first version.
func TestM9_LateErrorDoesNotUndoReturn(t *testing.T) {
	for range 200 {
		r := rigOf("a", "b", "c", "d")
		won := make(chan struct{})
		r.do = func(ctx context.Context, name string) (string, error) {
			if name == "a" {
				return "a", nil
			}
			select {
			case <-won:
			case <-ctx.Done():
			}
			return "", errors.New("too late")
		}
		r.reduce = func(ctx context.Context, rs *twigResults) ([]string, error) {
			for x := range rs.AsDone() {
				context.AfterFunc(ctx, func() { close(won) })
				return []string{x.Out.Word}, nil
			}
			return nil, rs.Err()
		}
		got, err := r.run(t)
		wantWords(t, got, err, "a")
	}
}

func TestM7_BreakCancelsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s1", "s2", "s3")
		r.do = after
		r.reduce = func(ctx context.Context, rs *twigResults) ([]string, error) {
			for range rs.OK() {
				break
			}
			time.Sleep(time.Minute)
			if ctx.Err() != nil {
				t.Error("break has cancelled the visit")
			}
			return wordsOf(rs.OK()), rs.Err()
		}
		got, err := r.run(t)
		wantWords(t, got, err, "s2 s3")
	})
}

// M7: results that are used after reduce has returned panic where they are used.
func TestM7_ResultsAfterReturnPanic(t *testing.T) {
	r := rigOf("a", "b")
	var kept *twigResults
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		kept = rs
		return nil, nil
	}
	if _, err := r.run(t); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "after reduce has returned") {
			t.Errorf("got panic %v", v)
		}
	}()
	for range kept.OK() {
		t.Error("a result after reduce has returned")
	}
}

// A goroutine of reduce's own that still loops when reduce returns is told that there is no more.
func TestM7_LoopEndsWhenReduceReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf("s1", "s99999")
		r.do = after
		ended := make(chan int, 1)
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			go func() { ended <- len(wordsOf(rs.OK())) }()
			time.Sleep(2 * time.Second)
			return []string{"done"}, nil
		}
		got, err := r.run(t)
		wantWords(t, got, err, "done")
		if n := <-ended; n != 1 {
			t.Errorf("the other loop got %d results, want 1", n)
		}
	})
}

func TestResultDescribesItsBranch(t *testing.T) {
	r := rigOf("x/1", "y")
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		var lines []string
		for x := range rs.All() {
			lines = append(lines, fmt.Sprintf("%s %s %d %s %s %d", x.Action(), x.Key(), x.Index(), x.In.Name, x.Path(), len(x.ID())))
		}
		return lines, nil
	}
	got, err := r.runWith(t.Context(), t, &burdock.Options{ID: "run-7"})
	wantWords(t, got, err, "say x/1 0 x/1 run-7/fan#1/x%2F1 26 say y 1 y run-7/fan#1/y 26")
}

// M1: an error of the sequence fails the visit whatever the policy; never is it a smaller fan-out.
func TestM1_SequenceErrorFailsVisit(t *testing.T) {
	broken := errors.New("the list is broken")
	for _, policy := range []burdock.FailurePolicy{burdock.FailFast, burdock.Collect} {
		for at := range 5 {
			for limit := range 4 {
				r := &fanRig{opts: &burdock.MapOptions{Limit: limit, Failures: policy}}
				r.names = func(context.Context) iter.Seq2[string, error] {
					return func(yield func(string, error) bool) {
						for i := range at {
							if !yield(fmt.Sprint("n", i), nil) {
								return
							}
						}
						if yield("", broken) {
							t.Error("the sequence was pulled after its error")
						}
					}
				}
				var told error
				r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
					words := wordsOf(rs.OK())
					told = rs.Err()
					return words, nil
				}
				_, err := r.run(t)
				wantIs(t, err, broken)
				wantIs(t, told, broken)
			}
		}
	}
}

// M8: what reduce returns after an early end is discarded, and Err says why.
func TestM8_EarlyEndDiscardsReduce(t *testing.T) {
	broken, mine := errors.New("broken"), errors.New("mine")
	for i := range 200 {
		returned := []error{nil, mine}[i%2]
		r := rigOf("a", "b", "c")
		r.do = func(_ context.Context, name string) (string, error) {
			if name == "b" {
				return "", broken
			}
			return name, nil
		}
		r.reduce = func(ctx context.Context, rs *twigResults) ([]string, error) {
			words := wordsOf(rs.All())
			wantIs(t, rs.Err(), broken)
			wantIs(t, context.Cause(ctx), burdock.ErrSibling)
			return words, returned
		}
		_, err := r.run(t)
		wantIs(t, err, broken)
		if errors.Is(err, mine) {
			t.Errorf("reduce's error was not discarded: %v", err)
		}
	}
}

// Laziness: the first of 1,000 fails while reduce is slow; only what was under way has started.
func TestM2_FewStartWhenTheFirstFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rigOf(numbered(1000)...)
		r.opts = &burdock.MapOptions{Limit: 2}
		r.do = func(ctx context.Context, name string) (string, error) {
			time.Sleep(time.Second)
			if name == "b00" {
				return "", errors.New("no")
			}
			return name, nil
		}
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			for range rs.OK() {
				time.Sleep(time.Hour)
			}
			return nil, nil
		}
		_, err := r.run(t)
		wantTexts(t, err, "1 branch of fan failed", "no")
		if n := r.countStarted(); n > 4 {
			t.Errorf("%d branches have started, want at most 4", n)
		}
	})
}

// An endless sequence with a reduce that stops after 50: little is held, and the sequence is told to stop.
func TestM6_EndlessSequence(t *testing.T) {
	r := &fanRig{opts: &burdock.MapOptions{Limit: 4, Buffer: 8, MaxBranches: 1 << 40}}
	stopped, yielded := false, 0
	r.names = func(context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			defer func() { stopped = true }()
			for i := 0; ; i++ {
				yielded++
				if !yield(fmt.Sprint(i), nil) {
					return
				}
			}
		}
	}
	r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
		n := 0
		for range rs.OK() {
			if n++; n == 50 {
				break
			}
		}
		return []string{fmt.Sprint(n)}, nil
	}
	got, err := r.run(t)
	wantWords(t, got, err, "50")
	if !stopped || yielded > 50+8 {
		t.Errorf("the sequence was told to stop: %v, after %d items", stopped, yielded)
	}
}

// Memory is O(Limit + Buffer): a long fan-out that is read as it goes leaves nothing behind.
func TestM6_MemoryIsFlat(t *testing.T) {
	type item struct {
		N    int      `state:"n"`
		Load [64]byte `state:"load"`
	}
	type sum struct {
		N int `state:"n"`
	}
	branch := burdock.Func("b", func(_ context.Context, in item) (sum, error) { return sum{in.N}, nil })
	live := func(n int) uint64 {
		var peak uint64
		m := burdock.MapStates("m", branch,
			func(context.Context, burdock.None) iter.Seq2[item, error] {
				return func(yield func(item, error) bool) {
					for i := range n {
						if !yield(item{N: i}, nil) {
							return
						}
					}
				}
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[item, sum]) (sum, error) {
				k := 0
				for range rs.OK() {
					if k++; k%(n/4) == 0 {
						runtime.GC()
						var ms runtime.MemStats
						runtime.ReadMemStats(&ms)
						peak = max(peak, ms.HeapAlloc)
					}
				}
				return sum{k}, nil
			}, &burdock.MapOptions{Limit: 4, Buffer: 8})
		out, err := burdock.Read[sum](newApp(t, burdock.MustGraph("g", burdock.Node(m)), nil).Run(t.Context()))
		if err != nil || out.N != n {
			t.Fatalf("got %d of %d, %v", out.N, n, err)
		}
		return peak
	}
	live(400)
	small, large := live(400), live(20_000)
	if large > small+256<<10 {
		t.Errorf("20,000 branches hold %d bytes more than 400", large-small)
	}
}

func TestFirst(t *testing.T) {
	race := func(t *testing.T, names ...string) (string, error) {
		say := burdock.Func("say", func(ctx context.Context, in twigIn) (twigOut, error) {
			word, err := after(ctx, in.Name)
			return twigOut{word}, err
		})
		m := burdock.MapStates("race", say,
			func(context.Context, burdock.None) iter.Seq2[twigKey, error] {
				return burdock.Each(names, func(n string) twigKey { return twigKey{n} })
			}, burdock.First[twigOut, burdock.None, twigKey], &burdock.MapOptions{Failures: burdock.Collect})
		out, err := burdock.Read[twigOut](newApp(t, burdock.MustGraph("g", burdock.Node(m)), nil).Run(t.Context()))
		return out.Word, err
	}
	synctest.Test(t, func(t *testing.T) {
		if got, err := race(t, "s9", "bad", "s2", "s5"); err != nil || got != "s2" {
			t.Errorf("got %q, %v; want the fastest that completes", got, err)
		}
		_, err := race(t, "bad", "worse")
		if e, ok := errors.AsType[*burdock.MapError](err); !ok || len(e.Branches) != 2 {
			t.Errorf("got %v, want a MapError of both", err)
		}
		_, err = race(t)
		wantIs(t, err, burdock.ErrNoResult)
	})
}

func TestFirstOfAHundred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("s%d", 100+(i*37)%100))
		}
		r := rigOf(names...)
		r.do, r.opts = after, &burdock.MapOptions{Limit: burdock.Unlimited}
		r.reduce = func(_ context.Context, rs *twigResults) ([]string, error) {
			for x := range rs.AsDone() {
				return []string{x.Out.Word}, nil
			}
			return nil, rs.Err()
		}
		begin := time.Now()
		got, err := r.run(t)
		wantWords(t, got, err, "s100")
		if took := time.Since(begin); took != 100*time.Second {
			t.Errorf("it took %v, want as long as the fastest", took)
		}
	})
}

func TestList(t *testing.T) {
	join := burdock.List[bunch, twigKey, burdock.None](func(outs []twigOut) (b bunch) {
		for _, o := range outs {
			b.Words = append(b.Words, o.Word)
		}
		return b
	})
	got, err := join(t.Context(), burdock.None{}, burdock.ResultsOf(
		burdock.ResultOf("x", "say", twigKey{"x"}, twigOut{"1"}, nil),
		burdock.ResultOf("", "say", twigKey{"y"}, twigOut{}, errors.New("no")),
		burdock.ResultOf("z", "say", twigKey{"z"}, twigOut{"3"}, nil),
	))
	wantWords(t, got.Words, err, "1 3")
}

func TestResultsOf(t *testing.T) {
	no := errors.New("no")
	rs := burdock.ResultsOf(
		burdock.ResultOf("x", "say", twigKey{"x"}, twigOut{"1"}, nil),
		burdock.ResultOf("", "say", twigKey{"y"}, twigOut{"never seen"}, no),
		burdock.Result[twigKey, twigOut]{In: twigKey{"z"}, Out: twigOut{"3"}},
	)
	var lines []string
	for r := range rs.All() {
		lines = append(lines, fmt.Sprintf("%s %s %d %s %q %v", r.Key(), r.Action(), r.Index(), r.Path(), r.Out.Word, r.Err))
	}
	want := `x say 0 test/say#1/x "1" <nil>
1 say 1 test/say#1/1 "" test/say#1/1: no
2  2 test/#1/2 "3" <nil>`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	wantIs(t, rs.Err(), no)
	if e, ok := errors.AsType[*burdock.BranchError](rs.Err()); !ok || e.Index != 1 {
		t.Errorf("got %v", rs.Err())
	}
}
