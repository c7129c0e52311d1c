package burdock_test

import (
	"fmt"

	"github.com/burdock-go/burdock"
)

// A drawing shows what the program text says: routes with their labels, error routes dashed, the inputs that somebody
// must give, and the branch graphs of parallel actions in boxes, to any depth.
func ExampleGraph_Mermaid() {
	chatbot := burdock.MustGraph("chatbot",
		burdock.Node(listen, burdock.Then(reply)),
		burdock.Node(reply, burdock.Then(listen), burdock.OnError(burdock.AnyError, listen)),
	)
	fmt.Print(chatbot.Mermaid())
	// Output:
	// flowchart TD
	//     start(["start"])
	//     n1["listen<br/>needs prompt"]
	//     n2["reply"]
	//     stop(["end"])
	//     start --> n1
	//     n1 --> n2
	//     n2 --> n1
	//     n2 -.->|"on any error"| n1
}
