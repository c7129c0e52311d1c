package burdock_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/burdock-go/burdock"
)

type message struct {
	Role, Text string
}

// A chatTurn comes from outside. Until somebody gives it, the action that needs it waits.
type chatTurn struct {
	Prompt string `input:"prompt"`
}

// A chatLine holds only what is new: with append the state's list grows, and the store keeps one element per line.
type chatLine struct {
	Messages []message `state:"messages,append"`
}

type chatHistory struct {
	Messages []message `state:"messages"`
}

var listen = burdock.Func("listen", func(_ context.Context, t chatTurn) (chatLine, error) {
	return chatLine{[]message{{"user", t.Prompt}}}, nil
})

var reply = burdock.Func("reply", func(_ context.Context, h chatHistory) (chatLine, error) {
	last := h.Messages[len(h.Messages)-1]
	return chatLine{[]message{{"bot", strings.ToUpper(last.Text)}}}, nil
})

// A chatbot needs no loop around it and no list of places to stop at: the application runs until something that it
// needs has not been said, and goes on when it is.
func ExampleGiven() {
	chatbot := burdock.MustGraph("chatbot",
		burdock.Node(listen, burdock.Then(reply)),
		burdock.Node(reply, burdock.Then(listen)),
	)
	ctx := context.Background()
	app, err := burdock.New(ctx, chatbot, nil)
	if err != nil {
		log.Fatal(err)
	}
	out, err := app.Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range out.Pending {
		fmt.Println(out.Stop, "before", p.Action, "for", p.Needs)
	}
	for _, prompt := range []string{"hello", "how are you?"} {
		// Each input serves the first step that declares it; the next one waits again.
		if out, err = app.Run(ctx, burdock.Given(chatTurn{prompt})); err != nil {
			log.Fatal(err)
		}
	}
	chat, err := burdock.View[chatHistory](out.State)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range chat.Messages {
		fmt.Println(m.Role+":", m.Text)
	}
	// Output:
	// waiting before listen for [prompt]
	// user: hello
	// bot: HELLO
	// user: how are you?
	// bot: HOW ARE YOU?
}
