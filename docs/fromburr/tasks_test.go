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
			for _, model := range []string{"model-s", "model-l"} {
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
				d.Answers = append(d.Answers, fmt.Sprintf("%s %s: %s %v", r.Key(), r.ID(), r.Out.Text, r.Err))
			}
			return d, nil
		}, &burdock.MapOptions{Failures: burdock.Collect})
	got, err := run[digest](burdock.MustGraph("tasks", burdock.Node(tasks)), &burdock.Options{ID: "app", State: burdock.StateOf(survey{[]string{"why", "?"}})})
	for _, line := range got.Answers {
		fmt.Println(line)
	}
	fmt.Println(err)
	// Output:
	// model-s:why app-model-s-why: model-s says why <nil>
	// model-l:why app-model-l-why: model-l says why <nil>
	// model-s:? app-model-s-?:  app/tasks#1/model-s:?: step 1 (ask_model), attempt 1: an empty question
	// model-l:? app-model-l-?:  app/tasks#1/model-l:?: step 1 (ask_model), attempt 1: an empty question
	// <nil>
}
