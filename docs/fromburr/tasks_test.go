package fromburr

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/burdock-go/burdock"
)

// tasksOf yields one task for each prompt and model. Key, ID and Given are as free as in Burr; all may be left out.
func tasksOf(ctx context.Context, s survey) iter.Seq2[burdock.Task[prompt], error] {
	return func(yield func(burdock.Task[prompt], error) bool) {
		for _, text := range s.Prompts {
			for _, model := range []string{"gpt-4", "o1"} {
				task := burdock.Task[prompt]{
					Key:   model,
					Run:   askModel, // one of the actions and graphs that MapTasks was given
					State: prompt{text},
					Given: burdock.Input("model", model),
					ID:    burdock.Info(ctx).App + "-" + model + "-" + text, // unique in the store, and yours to keep so
				}
				if text == "?" {
					task.Err = errors.New("an empty question") // this branch has failed; the others go on
				}
				if !yield(task, nil) {
					return
				}
			}
		}
	}
}

func Example_mapTasks() {
	tasks := burdock.MapTasks("tasks", burdock.Actions(askModel, riddles), tasksOf,
		func(_ context.Context, _ survey, rs *burdock.Results[prompt, answer]) (d digest, err error) {
			for r := range rs.All() {
				d.Outputs = append(d.Outputs, fmt.Sprintf("%s %s: %s %v", r.Key(), r.ID(), r.Out.Text, r.Err))
			}
			return d, nil
		}, &burdock.MapOptions{Failures: burdock.Collect})
	got, err := run[digest](burdock.MustGraph("tasks", burdock.Node(tasks)), &burdock.Options{ID: "app", State: burdock.StateOf(survey{[]string{"why", "?"}})})
	for _, line := range got.Outputs {
		fmt.Println(line)
	}
	fmt.Println(err)
	// Output:
	// gpt-4:why app-gpt-4-why: gpt-4 says why <nil>
	// o1:why app-o1-why: o1 says why <nil>
	// gpt-4:? app-gpt-4-?:  app/tasks#1/gpt-4:?: step 1 (ask_model), attempt 1: an empty question
	// o1:? app-o1-?:  app/tasks#1/o1:?: step 1 (ask_model), attempt 1: an empty question
	// <nil>
}
