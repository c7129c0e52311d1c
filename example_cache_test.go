package burdock_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
)

// What an earlier run has answered is not asked again, by whatever application: here only "where" is.
func ExampleCache() {
	ask := burdock.Func("ask", func(_ context.Context, p prompt) (answer, error) {
		fmt.Println("asking", p.Text)
		return answer{"an answer to " + p.Text}, nil
	})
	every := burdock.MapStates("every", ask.Version("model-7"), // a hash does not see the model, so its version says which
		func(_ context.Context, s survey) iter.Seq2[prompt, error] {
			return burdock.Each(s.Prompts, func(text string) prompt { return prompt{text} })
		},
		burdock.List[digest, prompt, survey](func(all []answer) (d digest) {
			for _, a := range all {
				d.Answers = append(d.Answers, a.Text)
			}
			return d
		}),
		&burdock.MapOptions{Limit: 1, Cache: &burdock.Cache{Store: memstore.New(), MaxAge: 24 * time.Hour}})
	graph := burdock.MustGraph("survey", burdock.Node(every))

	ctx := context.Background()
	for _, prompts := range [][]string{{"why", "when"}, {"when", "where"}} {
		app, err := burdock.New(ctx, graph, &burdock.Options{State: burdock.StateOf(survey{Prompts: prompts})})
		if err != nil {
			log.Fatal(err)
		}
		got, err := burdock.Read[digest](app.Run(ctx))
		fmt.Println(got.Answers, err)
	}
	// Output:
	// asking why
	// asking when
	// [an answer to why an answer to when] <nil>
	// asking where
	// [an answer to when an answer to where] <nil>
}
