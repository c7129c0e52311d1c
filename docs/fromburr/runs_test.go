package fromburr

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

type count struct {
	N int `state:"n"`
}

var (
	increment = burdock.Func("increment", func(_ context.Context, c count) (count, error) { return count{c.N + 1}, nil })
	double    = burdock.Func("double", func(_ context.Context, c count) (count, error) { return count{c.N * 2}, nil }).Tag("big")
	below50   = burdock.When("n < 50", func(c count) bool { return c.N < 50 })
	numbers   = burdock.MustGraph("numbers", burdock.Node(increment, burdock.Then(double)), burdock.Node(double, below50.Then(increment)))
)

func Example_halts() {
	ctx := context.Background()
	app, err := burdock.New(ctx, numbers, &burdock.Options{State: burdock.StateOf(count{})})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, halt := range []burdock.RunOption{
		burdock.HaltBefore(increment), // holds before the first step too
		burdock.HaltAfter(burdock.Tag("big")),
		burdock.HaltBefore(burdock.ByName("double")),
	} {
		out, err := app.Run(ctx, halt)
		fmt.Println(out.Stop, out.Action, "->", out.Next, err)
	}
	for step, err := range app.Steps(ctx) { // Burr's iterate; leaving the loop pauses
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(step.Seq, step.Action)
		break
	}
	_, err = app.Run(ctx, burdock.HaltAfter(burdock.ByName("double_it")))
	fmt.Println(err)
	// Output:
	// halted_before  -> increment <nil>
	// halted_after double -> increment <nil>
	// halted_before increment -> double <nil>
	// 4 double
	// HaltAfter(double_it) names no node of graph "numbers"
}

func Example_persistence() {
	ctx := context.Background()
	db := burdock.Cascade{Store: memstore.New()} // sqlitestore or pgstore, to survive the process
	app, err := burdock.New(ctx, numbers, &burdock.Options{ID: "app", State: burdock.StateOf(count{}), Cascade: db})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := app.Run(ctx, burdock.HaltAfter(double)); err != nil {
		fmt.Println(err)
		return
	}
	app, err = burdock.Resume(ctx, numbers, &burdock.Options{ID: "app", Cascade: db}) // in another process
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(burdock.Read[count](app.Run(ctx)))

	fork, err := burdock.Fork(ctx, numbers, burdock.Ref{App: "app", Seq: 2}, &burdock.Options{ID: "fork", Cascade: db}, burdock.Edit(count{20}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(burdock.Read[count](fork.Run(ctx)))
	// Output:
	// {62} <nil>
	// {86} <nil>
}

func Example_graphChange() {
	ctx := context.Background()
	db := burdock.Cascade{Store: memstore.New()}
	app, err := burdock.New(ctx, numbers, &burdock.Options{ID: "app", State: burdock.StateOf(count{}), Cascade: db})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := app.Run(ctx, burdock.HaltAfter(double)); err != nil {
		fmt.Println(err)
		return
	}
	changed := burdock.MustGraph("numbers", burdock.Chain(increment, double))
	_, err = burdock.Resume(ctx, changed, &burdock.Options{ID: "app", Cascade: db})
	fmt.Println(errors.Is(err, burdock.ErrGraphChanged))
	app, err = burdock.Resume(ctx, changed, &burdock.Options{ID: "app", Cascade: db, AllowGraphChange: true}) // or Migrate
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(burdock.Read[count](app.Run(ctx)))
	// Output:
	// true
	// {6} <nil>
}

func Example_hooks() {
	logged := func(next burdock.StepFunc) burdock.StepFunc {
		return func(ctx context.Context, s *burdock.StepCall) error {
			fmt.Println("before", s.Path, s.Action)
			err := next(ctx, s) // the action; an error here or below fails the attempt
			fmt.Println("after", s.Path, s.Action, err)
			return err
		}
	}
	watch := burdock.TrackerFunc(func(_ context.Context, e burdock.Event) error {
		if e.Kind == burdock.EventBranchEnded {
			fmt.Println("ended", e.Key)
		}
		return errors.New("the log is full") // changes nothing
	})
	graph := burdock.MustGraph("hooks", burdock.Node(burdock.MapStates("ask", respond, eachPrompt, joined, nil)))
	_, err := run[digest](graph, &burdock.Options{
		ID:      "app",
		State:   burdock.StateOf(survey{[]string{"why"}}),
		Logger:  silent,
		Cascade: burdock.Cascade{Tracker: watch, Middleware: []burdock.Middleware{logged}},
	})
	fmt.Println(err)
	// Output:
	// before app ask
	// before app/ask#1/why respond
	// after app/ask#1/why respond <nil>
	// ended why
	// after app ask <nil>
	// <nil>
}

// silent is a logger for the example.
var silent = slog.New(slog.DiscardHandler)

var errClosed = errors.New("closed")

func lookUp(ctx context.Context, p prompt) (answer, error) {
	switch p.Text {
	case "bad":
		return answer{}, errClosed
	case "slow":
		<-ctx.Done()
		return answer{}, ctx.Err()
	}
	return answer(p), nil
}

func Example_failures() {
	look := burdock.Func("look_up", lookUp).With(burdock.Retry{Attempts: 2, Backoff: time.Millisecond}, burdock.Timeout(20*time.Millisecond))
	sources := func(context.Context, burdock.None) iter.Seq2[prompt, error] {
		return burdock.Each([]string{"good", "bad", "slow", "better"}, func(name string) prompt { return prompt{name} })
	}
	all := func(_ context.Context, _ burdock.None, rs *burdock.Results[prompt, answer]) (d digest, err error) {
		for r := range rs.All() { // failed ones too, each with its own error
			d.Answers = append(d.Answers, fmt.Sprint(r.Key(), " ", r.Err == nil))
		}
		return d, nil
	}
	fallback := burdock.Func("fallback", func(_ context.Context, f struct {
		Failure burdock.Failure `input:"failure"`
	},
	) (answer, error) {
		return answer{"nothing"}, nil
	})
	for _, opts := range []*burdock.MapOptions{
		{Failures: burdock.Collect},
		{Failures: burdock.Tolerate(1)},
		{Fallback: fallback},
	} {
		got, err := run[digest](burdock.MustGraph("g", burdock.Node(burdock.MapStates("look", look, sources, all, opts))), nil)
		failed, _ := errors.AsType[*burdock.MapError](err)
		fmt.Println(got.Answers, failed != nil && len(failed.Branches) == 2)
	}
	// Output:
	// [good true bad false slow false better true] false
	// [] true
	// [good true bad true slow true better true] false
}

func Example_quickExit() {
	enough := func(_ context.Context, _ burdock.None, rs *burdock.Results[prompt, answer]) (d digest, err error) {
		for r := range rs.AsDone() {
			if d.Answers = append(d.Answers, r.Out.Text); len(d.Answers) == 2 {
				return d, nil // a quorum; what still runs is cancelled, and waited for
			}
		}
		return d, errors.Join(burdock.ErrNoResult, rs.Err())
	}
	sources := func(context.Context, burdock.None) iter.Seq2[prompt, error] {
		return burdock.Each([]string{"good", "slow", "better"}, func(name string) prompt { return prompt{name} })
	}
	got, err := run[digest](burdock.MustGraph("g", burdock.Node(burdock.MapStates("look", burdock.Func("look_up", lookUp), sources, enough, nil))), nil)
	fmt.Println(len(got.Answers), err)
	// Output: 2 <nil>
}
