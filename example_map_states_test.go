package burdock_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"strings"

	"github.com/burdock-go/burdock"
)

// The parallel action reads a survey and writes a digest. Each of its branches begins with a prompt and ends with a
// reply.
type (
	survey struct {
		Prompts []string `state:"prompts"`
	}
	prompt struct {
		Text string `state:"prompt,key"` // the key names the branch, whatever its place in the list
	}
	draft struct {
		Text string `state:"draft"`
	}
	answer struct {
		Text string `state:"answer"`
	}
	digest struct {
		Answers []string `state:"answers"`
	}
)

// What each branch runs is a graph like any other: it has its own state and log, and could be an application itself.
var research = burdock.MustGraph("research", burdock.Chain(
	burdock.Func("write", func(_ context.Context, p prompt) (draft, error) {
		return draft{"an answer to " + p.Text}, nil
	}),
	burdock.Func("polish", func(_ context.Context, d draft) (answer, error) {
		return answer{strings.ToUpper(d.Text[:1]) + d.Text[1:] + "."}, nil
	}),
))

// One graph over many states at once: each prompt is a branch, eight of them run at a time, and what they return is
// joined in the order of the prompts, whatever finished first.
func ExampleMapStates() {
	ask := burdock.MapStates("ask", research,
		func(_ context.Context, s survey) iter.Seq2[prompt, error] {
			return burdock.Each(s.Prompts, func(text string) prompt { return prompt{text} })
		},
		func(_ context.Context, _ survey, rs *burdock.Results[prompt, answer]) (d digest, err error) {
			for r := range rs.OK() {
				d.Answers = append(d.Answers, r.Key()+": "+r.Out.Text)
			}
			return d, nil
		},
		&burdock.MapOptions{Limit: 8})

	ctx := context.Background()
	app, err := burdock.New(ctx, burdock.MustGraph("survey", burdock.Node(ask)), &burdock.Options{
		State: burdock.StateOf(survey{Prompts: []string{"why", "when", "where"}}),
	})
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[digest](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Join(got.Answers, "\n"))
	// Output:
	// why: An answer to why.
	// when: An answer to when.
	// where: An answer to where.
}
