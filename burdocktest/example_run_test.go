package burdocktest_test

import (
	"context"
	"fmt"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

type order struct {
	Item  string `state:"item"`
	Price int    `state:"price"`
}

type decision struct {
	By string `input:"by"` // a person, who answers later
}

type bought struct {
	Receipt string `state:"receipt"`
}

// The order is checked, waits for a person, and is bought. Run makes a call of App.Run for each Given, and with Resumed
// it shows that the process may be killed at any moment.
func ExampleRun() {
	check := burdock.Func("check", func(_ context.Context, o order) (order, error) {
		o.Price += o.Price / 10 // postage
		return o, nil
	})
	buy := burdock.Func("buy", func(_ context.Context, in struct {
		order
		decision
	},
	) (bought, error) {
		return bought{fmt.Sprintf("%s for %d, approved by %s", in.Item, in.Price, in.By)}, nil
	})
	shop := burdock.MustGraph("shop", burdock.Chain(check, buy))

	var t console // the *testing.T of a test
	res := burdocktest.Run[bought](t, shop, order{"a lamp", 100},
		burdocktest.Given(), burdocktest.Given(decision{"Ada"}), burdocktest.Resumed())
	fmt.Println(res.Out.Receipt)
	fmt.Print(res.Trace)
	// Output:
	// a lamp for 110, approved by Ada
	// shop
	//   0 beginning → check
	//       item = "a lamp"
	//       price = 100
	//   1 check: completed → buy
	//       item = "a lamp"
	//       price = 110
	//   2 buy: completed, attempt 2
	//       input by = "Ada"
	//       receipt = "a lamp for 110, approved by Ada"
}
