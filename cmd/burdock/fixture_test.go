package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// testNow is the moment at which the program runs in scripts; testBegan that at which the applications began.
var (
	testNow   = time.Date(2026, 1, 2, 18, 4, 5, 0, time.UTC)
	testBegan = testNow.Add(-3 * time.Hour)
)

type (
	prompts struct {
		Prompts []string `state:"prompts"`
	}
	question struct {
		Prompt string `state:"prompt,key"`
	}
	answer struct {
		Text string `state:"answer"`
	}
	digest struct {
		Answers []string `state:"answers,append"`
		Failed  int      `state:"failed"`
	}
	digested struct {
		Answers []string `state:"answers"`
		Failed  int      `state:"failed"`
	}
	published struct {
		Report string `state:"report"`
	}
	approval struct {
		Yes bool `input:"yes"`
	}
)

var (
	collect = burdock.Func("collect", func(context.Context, burdock.None) (prompts, error) {
		return prompts{[]string{"alpha", "beta", "bad/1", "bad\x1b[2J2", "gamma"}}, nil
	})
	ask = burdock.Func("ask", func(_ context.Context, q question) (answer, error) {
		if strings.HasPrefix(q.Prompt, "bad") {
			return answer{}, errors.New("the model refused:\n\x1b[31mred\x1b[0m")
		}
		return answer{strings.ToUpper(q.Prompt)}, nil
	})
	everyPrompt = burdock.MapStates("every_prompt", ask,
		func(_ context.Context, in prompts) iter.Seq2[question, error] {
			return burdock.Each(in.Prompts, func(p string) question { return question{p} })
		},
		func(_ context.Context, _ prompts, rs *burdock.Results[question, answer]) (d digest, err error) {
			for r := range rs.All() {
				if r.Err != nil {
					d.Failed++
				} else {
					d.Answers = append(d.Answers, r.Out.Text)
				}
			}
			return d, nil
		}, &burdock.MapOptions{Limit: 1, Failures: burdock.Collect})
	publish = burdock.Func("publish", func(_ context.Context, d digested) (published, error) {
		return published{strings.Repeat(strings.Join(d.Answers, " ")+". ", 20)}, nil
	})
	approve = burdock.Func("approve", func(context.Context, approval) (burdock.None, error) { return burdock.None{}, nil })
	crash   = burdock.Func("crash", func(context.Context, digested) (burdock.None, error) { panic("the disk is on \x1b[5mfire") })

	someFailed = burdock.When("failed > 0", func(d digested) bool { return d.Failed > 0 })
)

// surveyTo is a survey that ends with the given action.
func surveyTo(last *burdock.Action) *burdock.Graph {
	return burdock.MustGraph("survey",
		burdock.Node(collect, burdock.Then(everyPrompt)),
		burdock.Node(everyPrompt, someFailed.Then(last)),
		burdock.Node(last))
}

// fixtures are the kinds of applications that scripts ask for.
var fixtures = map[string]struct {
	graph  *burdock.Graph
	run    []burdock.RunOption
	change func(*burdock.Checkpoint) bool // false leaves the record out
}{
	"done":    {graph: surveyTo(publish)},
	"waiting": {graph: surveyTo(approve)},
	"failed":  {graph: surveyTo(crash)},
	"paused":  {graph: surveyTo(publish), run: []burdock.RunOption{burdock.HaltAfter(burdock.ByName("every_prompt"))}},
	"stale":   {graph: surveyTo(publish), change: killed},
	"given":   {graph: surveyTo(approve), run: []burdock.RunOption{burdock.Given(approval{true})}},
}

// heldAtMost bounds how long a fixture in the background lives if its script does not end it.
const heldAtMost = time.Minute

// killed leaves what a process would have that died in the fourth branch of step 2.
func killed(c *burdock.Checkpoint) bool {
	running := c.App == c.Root && c.Seq == 2 || c.App != c.Root && c.Index == 3 && c.Seq == 1
	if running {
		c.Status, c.Ended, c.Next, c.Route, c.Delta, c.Error, c.Join = burdock.StatusRunning, time.Time{}, "", "", nil, nil, 0
	}
	return c.Seq <= 2 && c.Index <= 3
}

// fixture makes applications in the database of the environment, KIND:ID or KIND:ID:PROJECT each. With hold before
// them it also owns them until it is ended. fixture resume KIND:ID goes on with one, such as a fork, with the graph and
// the options of the kind. fixture lock keeps others from writing until it is ended.
func fixture(args []string) error {
	switch args[0] {
	case "lock":
		return lock()
	case "resume":
		return resume(strings.Split(args[1], ":"))
	}
	store, err := sqlitestore.Open(context.Background(), os.Getenv("BURDOCK_DB"), nil)
	if err != nil {
		return err
	}
	hold := args[0] == "hold"
	if hold {
		args = args[1:]
	}
	for _, a := range args {
		release, err := makeOne(store, strings.Split(a+":", ":"))
		if err != nil {
			return err
		}
		if !hold {
			release()
		}
	}
	if hold {
		if err := os.WriteFile("held", nil, 0o600); err != nil {
			return err
		}
		time.Sleep(heldAtMost)
	}
	return store.Close()
}

// resume prints how the application came back.
func resume(words []string) error {
	ctx := context.Background()
	store, err := sqlitestore.Open(ctx, os.Getenv("BURDOCK_DB"), nil)
	if err != nil {
		return err
	}
	defer store.Close()
	f := fixtures[words[0]]
	app, err := burdock.Resume(ctx, f.graph, &burdock.Options{ID: words[1], Cascade: burdock.Cascade{Store: store}})
	if err != nil {
		return err
	}
	out, err := app.Run(ctx, f.run...)
	if err == nil {
		fmt.Println(out.Stop, "after step", out.Seq)
	}
	return err
}

// makeOne makes the application of a kind, an id and a project, and owns it until release is called.
func makeOne(store *sqlitestore.Store, words []string) (release func(), err error) {
	f, ok := fixtures[words[0]]
	if !ok {
		return nil, fmt.Errorf("there is no fixture %q", words[0])
	}
	ctx := context.Background()
	memory := memstore.New()
	opts := &burdock.Options{ID: words[1], Project: words[2], Cascade: burdock.Cascade{Store: memory}}
	app, err := burdock.New(ctx, f.graph, opts)
	if err != nil {
		return nil, err
	}
	_, _ = app.Run(ctx, f.run...) // what it came to is recorded
	claim, err := store.Claim(ctx, opts.ID)
	if err != nil {
		return nil, err
	}
	return func() { _ = claim.Release(ctx) }, copyAll(ctx, store, claim.Fence(), memory, f.change)
}

// copyAll copies an application with times that do not depend on the machine: a second for each record, 100 ms and
// some more for each step.
func copyAll(ctx context.Context, to burdock.Store, fence burdock.Fence, from burdock.Store, change func(*burdock.Checkpoint) bool) error {
	var batch []burdock.Checkpoint
	for c, err := range from.List(ctx, burdock.Query{Root: fence.Root}) {
		if err != nil {
			return err
		}
		c.Fence = fence
		c.Started = testBegan.Add(time.Duration(len(batch)) * time.Second)
		if !c.Ended.IsZero() {
			c.Ended = c.Started.Add(100*time.Millisecond + time.Duration(c.Index)*10*time.Millisecond)
		}
		if c.Error != nil && c.Error.Stack != "" {
			f := *c.Error // what a store yields is shared
			f.Stack = "goroutine 1 [running]:\nmain.crash(...)\n\tcrash.go:7\n"
			c.Error = &f
		}
		if change == nil || change(&c) {
			batch = append(batch, c)
		}
	}
	return to.Save(ctx, fence, batch)
}

// lock takes SQLite's write lock.
func lock() error {
	ctx := context.Background()
	db, err := sql.Open("sqlite", os.Getenv("BURDOCK_DB"))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := os.WriteFile("locked", nil, 0o600); err != nil {
		return err
	}
	time.Sleep(heldAtMost)
	return conn.Close()
}
