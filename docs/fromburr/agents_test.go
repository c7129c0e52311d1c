package fromburr

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/burdock-go/burdock"
)

type (
	topic struct {
		Name string `state:"topic,key"`
	}
	topics struct {
		Parts []string `state:"parts"`
	}
	report struct {
		Text string `state:"report"`
	}
)

var parts = map[string][]string{"all": {"east", "west"}, "east": {"north", "south"}}

func Example_recursion() {
	split := burdock.Func("split", func(_ context.Context, t topic) (topics, error) { return topics{parts[t.Name]}, nil })
	small := burdock.When("nothing to split", func(t topics) bool { return len(t.Parts) == 0 })
	study := burdock.Func("study", func(_ context.Context, t topic) (report, error) { return report{t.Name}, nil })
	delegate := burdock.MapStates("delegate", burdock.GraphNamed("agent"), // the graph around this map
		func(_ context.Context, t topics) iter.Seq2[topic, error] {
			return burdock.Each(t.Parts, func(name string) topic { return topic{name} })
		},
		burdock.List[report, topic, topics](func(all []report) (r report) {
			for _, one := range all {
				r.Text += one.Text + " "
			}
			return report{"(" + r.Text[:len(r.Text)-1] + ")"}
		}), nil)
	agent := burdock.MustGraph("agent",
		burdock.Node(split, small.Then(study), burdock.Then(delegate)), burdock.Node(study), burdock.Node(delegate))

	fmt.Println(run[report](agent, &burdock.Options{State: burdock.StateOf(topic{"all"}), MaxDepth: 5}))
	_, err := run[report](agent, &burdock.Options{State: burdock.StateOf(topic{"all"}), MaxDepth: 1})
	fmt.Println(errors.Is(err, burdock.ErrTooDeep))
	// Output:
	// {((north south) west)} <nil>
	// true
}

func Example_interleaved() {
	think := burdock.Stream("think", func(_ context.Context, p prompt, emit func(string) error) (answer, error) {
		for _, thought := range []string{"hmm", "aha"} {
			if err := emit(thought); err != nil {
				return answer{}, err
			}
		}
		return answer{"about " + p.Text}, nil
	})
	graph := burdock.MustGraph("planners", burdock.Node(burdock.MapStates("plan", think, eachPrompt, joined, nil)))
	ctx := context.Background()
	app, err := burdock.New(ctx, graph, &burdock.Options{State: burdock.StateOf(survey{[]string{"rome", "oslo"}})})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range app.Events(ctx) { // runs the application; leaving the loop pauses it
		if err != nil {
			fmt.Println(err)
			return
		}
		if thought, ok := burdock.ChunkOf[string](e); ok {
			fmt.Println(e.Key, thought) // of all branches, as it comes
		}
	}
	fmt.Println(burdock.Read[digest](app.Outcome(), nil))
	// Unordered output:
	// rome hmm
	// oslo hmm
	// rome aha
	// oslo aha
	// {[about rome about oslo]} <nil>
}

type (
	racing struct {
		Prompt string `state:"prompt"`
		Happy  bool   `input:"happy,optional"` // for the child that asks the user
	}
	user struct {
		Happy bool `input:"happy"`
	}
	mood struct {
		Happy bool `state:"happy"`
	}
)

// quickAndDeep has a quick answer, thinks on meanwhile, and stops thinking when the user is happy with what there is.
func quickAndDeep(ctx context.Context, in racing) (answer, error) {
	quick, err1 := burdock.Spawn(ctx, "quick", respond, prompt{in.Prompt}, nil)
	deep, err2 := burdock.Spawn(ctx, "deep", deepThought, prompt{in.Prompt}, nil)
	person, err3 := burdock.Spawn(ctx, "user", askUser, burdock.None{}, nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return answer{}, err
	}
	first, err := burdock.Read[answer](quick.Wait())
	if err != nil {
		return answer{}, err
	}
	select {
	case <-deep.Done():
	case <-person.Done():
		if m, err := burdock.Read[mood](person.Wait()); err == nil && m.Happy {
			deep.Cancel(burdock.ErrNotNeeded)
			return first, nil
		}
	}
	return burdock.Read[answer](deep.Wait())
}

var deepThought = burdock.Func("deep_thought", func(ctx context.Context, _ prompt) (answer, error) {
	<-ctx.Done() // it takes too long
	return answer{}, context.Cause(ctx)
})

var askUser = burdock.Func("ask_user", func(_ context.Context, u user) (mood, error) { return mood(u), nil })

func Example_communication() {
	graph := burdock.MustGraph("race", burdock.Node(burdock.Func("race", quickAndDeep)))
	fmt.Println(run[answer](graph, &burdock.Options{State: burdock.StateOf(prompt{"hi"})}, burdock.Input("happy", true)))
	// Output: {HI} <nil>
}
