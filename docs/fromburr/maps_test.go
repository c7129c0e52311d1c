package fromburr

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/burdock-go/burdock"
)

type (
	prompt struct {
		Text string `state:"prompt,key"` // in a branch, its key
	}
	answer struct {
		Text string `state:"answer"`
	}
	survey struct {
		Prompts []string `state:"prompts"`
	}
	digest struct {
		Answers []string `state:"answers"`
	}
)

var respond = burdock.Func("respond", func(_ context.Context, p prompt) (answer, error) {
	return answer{strings.ToUpper(p.Text)}, nil // here a model is called
})

var choosePrompts = burdock.Func("choose_prompts", func(context.Context, burdock.None) (survey, error) {
	return survey{[]string{"why", "when"}}, nil
})

// eachPrompt is a states function: what it yields is all that a branch begins with.
func eachPrompt(_ context.Context, s survey) iter.Seq2[prompt, error] {
	return burdock.Each(s.Prompts, func(text string) prompt { return prompt{text} })
}

var askAll = burdock.MapStates("ask_all", respond, eachPrompt,
	func(_ context.Context, _ survey, rs *burdock.Results[prompt, answer]) (d digest, err error) {
		for r := range rs.OK() { // in the order of the prompts, while branches still run
			d.Answers = append(d.Answers, r.Key()+": "+r.Out.Text)
		}
		return d, nil
	}, &burdock.MapOptions{Limit: 8})

func Example_mapStates() {
	graph := burdock.MustGraph("prompts", burdock.Chain(choosePrompts, askAll))
	fmt.Println(run[digest](graph, nil))
	// Output: {[why: WHY when: WHEN]} <nil>
}

type question struct {
	Prompt string `state:"prompt"`
	Model  string `input:"model"` // from outside, or bound
}

var askModel = burdock.Func("ask_model", func(_ context.Context, q question) (answer, error) {
	return answer{q.Model + " says " + q.Prompt}, nil
})

var models = burdock.Actions(
	askModel.Named("small").Bind("model", "model-s"),
	askModel.Named("large").Bind("model", "model-l"),
)

var compare = burdock.MapActions("compare", models,
	nil, // every branch begins with what compare reads; a function here makes something else of it
	func(_ context.Context, _ prompt, rs *burdock.Results[prompt, answer]) (d digest, err error) {
		for r := range rs.OK() {
			d.Answers = append(d.Answers, r.Action()+": "+r.Out.Text)
		}
		return d, nil
	}, nil)

func Example_mapActions() {
	graph := burdock.MustGraph("models", burdock.Node(compare))
	fmt.Println(run[digest](graph, &burdock.Options{State: burdock.StateOf(prompt{"hi"})}))
	// Output: {[small: model-s says hi large: model-l says hi]} <nil>
}

var everyPair = burdock.MapActionsAndStates("every_pair", models, eachPrompt,
	func(_ context.Context, _ survey, rs *burdock.Results[prompt, answer]) (d digest, err error) {
		for r := range rs.OK() {
			d.Answers = append(d.Answers, r.Key()) // also r.Action(), r.In, r.Index(), r.ID(), r.Path()
		}
		return d, nil
	}, nil)

func Example_mapActionsAndStates() {
	graph := burdock.MustGraph("pairs", burdock.Node(everyPair))
	got, err := run[digest](graph, &burdock.Options{State: burdock.StateOf(survey{[]string{"why", "when"}})})
	fmt.Println(strings.Join(got.Answers, " "), err)
	// Output: small:why large:why small:when large:when <nil>
}

// joined waits for all branches and makes one value of what they wrote.
var joined = burdock.List[digest, prompt, survey](func(all []answer) (d digest) {
	for _, a := range all {
		d.Answers = append(d.Answers, a.Text)
	}
	return d
})

func Example_readyMadeReduce() {
	graph := burdock.MustGraph("all", burdock.Node(burdock.MapStates("all", respond, eachPrompt, joined, nil)))
	fmt.Println(run[digest](graph, &burdock.Options{State: burdock.StateOf(survey{[]string{"why", "when"}})}))

	first := burdock.MustGraph("first", burdock.Node(burdock.MapActions("first", models, nil, burdock.First[answer, prompt, prompt], &burdock.MapOptions{Limit: 1})))
	fmt.Println(run[answer](first, &burdock.Options{State: burdock.StateOf(prompt{"hi"})}))
	// Output:
	// {[WHY WHEN]} <nil>
	// {model-s says hi} <nil>
}

type rephrased struct {
	Text string `state:"rephrased"`
}

var riddles = burdock.MustGraph("riddles", burdock.Chain(
	burdock.Func("rephrase", func(_ context.Context, p prompt) (rephrased, error) {
		return rephrased{"in riddles: " + p.Text}, nil
	}),
	burdock.Func("ask", func(_ context.Context, p rephrased) (answer, error) { return answer{p.Text + "?"}, nil }),
	burdock.Func("archive", func(_ context.Context, a answer) (answer, error) { return answer{a.Text + " (archived)"}, nil }),
))

func Example_runnableGraph() {
	// The same graph is an application, a branch, and, cut down, another branch.
	asked := riddles.Until(burdock.ByName("ask"))
	each := burdock.MapStates("each", asked, eachPrompt, joined, nil)
	fmt.Println(run[digest](burdock.MustGraph("each", burdock.Node(each)), &burdock.Options{State: burdock.StateOf(survey{[]string{"why"}})}))
	fmt.Println(run[answer](riddles, &burdock.Options{State: burdock.StateOf(prompt{"why"})}))

	// As one step of another graph, a graph gets In and gives Out, and nothing else passes.
	inside := burdock.Subgraph[prompt, answer]("riddle", riddles.From(burdock.ByName("rephrase")).Until(burdock.ByName("ask")))
	fmt.Println(run[answer](burdock.MustGraph("outer", burdock.Node(inside)), &burdock.Options{State: burdock.StateOf(prompt{"when"})}))
	// Output:
	// {[in riddles: why?]} <nil>
	// {in riddles: why? (archived)} <nil>
	// {in riddles: when?} <nil>
}

type (
	assignment struct {
		Prompts []string `input:"prompts"`       // required: without it the run waits before the map
		Tone    string   `input:"tone,optional"` // may be missing
	}
	toned struct {
		Prompt string `state:"prompt,key"`
		Tone   string `state:"tone"`
	}
	tonedQuestion struct {
		Prompt string `state:"prompt"`
		Tone   string `state:"tone"`
		Model  string `input:"model"` // of the branch's action; the map takes it along
	}
)

var fromInputs = burdock.MapStates("from_inputs",
	burdock.Func("ask", func(_ context.Context, q tonedQuestion) (answer, error) {
		return answer{q.Model + " " + q.Tone + " " + q.Prompt}, nil
	}),
	func(_ context.Context, a assignment) iter.Seq2[toned, error] {
		return burdock.Each(a.Prompts, func(text string) toned { return toned{text, a.Tone + "!"} })
	},
	func(_ context.Context, _ assignment, rs *burdock.Results[toned, answer]) (d digest, err error) {
		for r := range rs.OK() {
			d.Answers = append(d.Answers, r.Out.Text)
		}
		return d, nil
	}, nil)

func Example_inputs() {
	graph := burdock.MustGraph("inputs", burdock.Node(fromInputs))
	fmt.Println(run[digest](graph, nil, burdock.Given(assignment{Prompts: []string{"why"}, Tone: "kindly"}), burdock.Input("model", "model-l")))

	_, err := run[digest](graph, &burdock.Options{ID: "app"}, burdock.Input("model", "model-l"))
	fmt.Println(err)
	_, err = run[digest](graph, nil, burdock.Input("mood", "model-l"))
	fmt.Println(err)
	// Output:
	// {[model-l kindly! why]} <nil>
	// burdock: Read: app waits before from_inputs for prompts; give it with Given
	// Run: input "mood": no action of graph "inputs" declares it; it has model, prompts, tone
}

type (
	chat struct {
		Reply  string `state:"reply,optional"`
		Prompt string `input:"prompt"`
	}
	reply struct {
		Text string `state:"reply"`
	}
)

func Example_humanInTheLoop() {
	greet := burdock.Func("greet", func(_ context.Context, c chat) (reply, error) { return reply{"to " + c.Prompt}, nil })
	graph := burdock.MustGraph("chat", burdock.Node(greet, burdock.Then(greet)))
	ctx := context.Background()
	app, err := burdock.New(ctx, graph, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, said := range []string{"hello", "goodbye"} {
		out, err := app.Run(ctx, burdock.Input("prompt", said)) // serves one step; the next one waits
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := burdock.View[reply](out.State)
		fmt.Println(text.Text, "-", out.Stop, out.Pending[0].Needs)
	}
	// Output:
	// to hello - waiting [prompt]
	// to goodbye - waiting [prompt]
}
