package burdock_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/burdock-go/burdock"
)

type words struct {
	Text string `state:"text"`
}

type wordCount struct {
	N int `state:"n"`
}

// countWords knows nothing of articles: it reads its text and writes its n.
var countWords = burdock.Func("count_words", func(_ context.Context, w words) (wordCount, error) {
	return wordCount{len(strings.Fields(w.Text))}, nil
})

type article struct {
	Title      string `state:"title"`
	Body       string `state:"body"`
	TitleWords int    `state:"title_words,optional"`
	BodyWords  int    `state:"body_words,optional"`
}

// One action serves two pairs of keys: Rename gives its own keys other names where it touches the graph's state. The
// copies have names of their own too, because a node is its name.
func ExampleAction_Rename() {
	ofTitle := countWords.Named("title").Rename(burdock.Keys{"text": "title", "n": "title_words"})
	ofBody := countWords.Named("body").Rename(burdock.Keys{"text": "body", "n": "body_words"})

	ctx := context.Background()
	app, err := burdock.New(ctx, burdock.MustGraph("article", burdock.Chain(ofTitle, ofBody)), &burdock.Options{
		State: burdock.StateOf(article{Title: "On burdocks", Body: "They stick to everything."}),
	})
	if err != nil {
		log.Fatal(err)
	}
	got, err := burdock.Read[article](app.Run(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.TitleWords, "and", got.BodyWords)
	// Output: 2 and 4
}
