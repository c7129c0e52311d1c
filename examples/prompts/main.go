// Prompts asks every model every prompt, all pairs at once, and shows the answers in a table. A pair that fails costs
// its own cell and nothing else, up to as many failures as are tolerated.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"text/tabwriter"
	"time"

	"github.com/burdock-go/burdock"
)

type (
	survey struct {
		Prompts []string `state:"prompts"`
	}
	question struct { // what a branch begins with
		Prompt string `state:"prompt,key"`
	}
	request struct { // what the model is asked: the model itself is bound, and no part of the state
		Prompt string `state:"prompt"`
		Model  string `input:"model"`
	}
	answer struct {
		Text string `state:"answer"`
	}
	cell struct {
		Model  string `json:"model"`
		Prompt string `json:"prompt"`
		Text   string `json:"text"`
		Error  string `json:"error"`
	}
	comparison struct {
		Cells []cell `state:"cells"`
	}
)

var models = []string{"quick", "thorough", "moody"}

// ask plays the models, each with a speed of its own. Put a client here.
func ask(ctx context.Context, r request) (answer, error) {
	speed := map[string]time.Duration{"quick": 10, "thorough": 80, "moody": 30}[r.Model] * time.Millisecond
	select {
	case <-time.After(speed):
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
	if r.Model == "moody" && r.Prompt != "a burr" {
		return answer{}, errors.New("not in the mood")
	}
	return answer{fmt.Sprintf("%s, said %s", r.Prompt, map[string]string{
		"quick": "at once", "thorough": "with care", "moody": "with a sigh",
	}[r.Model])}, nil
}

// pairs makes a copy of one action for each model, and a branch for each copy and prompt.
func pairs(failures burdock.FailurePolicy) *burdock.Action {
	var actions []burdock.Runnable
	for _, name := range models {
		actions = append(actions, burdock.Func("ask", ask).Named(name).Bind("model", name))
	}
	each := func(_ context.Context, s survey) iter.Seq2[question, error] {
		return burdock.Each(s.Prompts, func(prompt string) question { return question{prompt} })
	}
	return burdock.MapActionsAndStates("pairs", actions, each, compare, &burdock.MapOptions{Failures: failures})
}

// compare reads the results in the order of the pairs, whatever finished first.
func compare(_ context.Context, _ survey, rs *burdock.Results[question, answer]) (c comparison, err error) {
	for r := range rs.All() {
		next := cell{Model: r.Action(), Prompt: r.In.Prompt, Text: r.Out.Text}
		if r.Err != nil {
			next.Error = r.Err.Error()
		}
		c.Cells = append(c.Cells, next)
	}
	return c, nil
}

func run(ctx context.Context, w io.Writer, failures burdock.FailurePolicy) error {
	graph, err := burdock.NewGraph("prompts", burdock.Node(pairs(failures)))
	if err != nil {
		return err
	}
	app, err := burdock.New(ctx, graph, &burdock.Options{
		ID:    "survey",
		State: burdock.StateOf(survey{[]string{"a burr", "a thistle", "a root"}}),
	})
	if err != nil {
		return err
	}
	c, err := burdock.Read[comparison](app.Run(ctx))
	if err != nil {
		return err
	}
	return show(w, c.Cells)
}

// show writes a row for each prompt, and below it what failed.
func show(w io.Writer, cells []cell) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "PROMPT")
	for _, name := range models {
		fmt.Fprintf(table, "\t%s", name)
	}
	var failed []string
	for i, c := range cells {
		if i%len(models) == 0 {
			fmt.Fprintf(table, "\n%s", c.Prompt)
		}
		if c.Error != "" {
			failed = append(failed, c.Error)
			c.Text = "failed"
		}
		fmt.Fprintf(table, "\t%s", c.Text)
	}
	fmt.Fprintln(table)
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d of %d failed\n", len(failed), len(cells))
	for _, text := range failed {
		fmt.Fprintln(w, "  "+text)
	}
	return nil
}

func main() {
	tolerate := flag.Int("tolerate", -1, "end the survey when more than `n` pairs fail; without it all are asked")
	flag.Parse()
	failures := burdock.Collect
	if *tolerate >= 0 {
		failures = burdock.Tolerate(*tolerate)
	}
	if err := run(context.Background(), os.Stdout, failures); err != nil {
		fmt.Fprintln(os.Stderr, "prompts:", err)
		os.Exit(1)
	}
}
