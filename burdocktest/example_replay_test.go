package burdocktest_test

import (
	"context"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/burdocktest"
)

type account struct {
	Balance int64 `state:"balance"`
}

type payment struct {
	account
	Amount int64 `input:"amount"`
}

// A step that a program has recorded is run again. The command burdock testcase writes such a Case; here the action has
// been changed since, and takes a fee.
func ExampleReplay() {
	pay := burdock.Func("pay", func(_ context.Context, p payment) (account, error) {
		return account{p.Balance - p.Amount - 1}, nil
	})
	var t console // the *testing.T of a test
	burdocktest.Replay(t, pay, burdocktest.Case{
		Action: "pay",
		Before: `{"balance": 9007199254740993}`,
		Inputs: `{"amount": 3}`,
		After:  `{"balance": 9007199254740990}`,
	})
	// Output:
	// burdocktest: Replay: after pay key "balance" differs: got 9007199254740989, want 9007199254740990
}
