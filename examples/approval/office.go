package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/burdock-go/burdock"
)

// The windows. A branch begins with a report; its steps add what they find out.
type (
	inTray struct {
		Reports []report `state:"reports"`
	}
	report struct {
		ID    string `state:"id,key" json:"id"`
		What  string `state:"what" json:"what"`
		Cents int    `state:"cents" json:"cents"`
	}
	claimed struct {
		What  string `state:"what"`
		Cents int    `state:"cents"`
	}
	advice struct {
		Advice string `state:"advice"`
	}
	checked struct {
		What   string `state:"what"`
		Cents  int    `state:"cents"`
		Advice string `state:"advice"`
	}
	word struct { // what a person says
		Approve bool   `input:"approve"`
		Comment string `input:"comment,optional"`
	}
	verdict struct {
		Approved bool   `state:"approved"`
		Comment  string `state:"comment"`
	}
	decided struct {
		ID       string `state:"id"`
		Cents    int    `state:"cents"`
		Approved bool   `state:"approved"`
		Comment  string `state:"comment"`
	}
	settled struct {
		Paid int `state:"paid_cents"`
	}
	totals struct {
		Paid     int `state:"paid"`
		Rejected int `state:"rejected"`
		Cents    int `state:"total_cents"`
	}
)

// An office is what the application needs.
type office struct {
	bank *bank
	pace time.Duration
}

// graph has one parallel step, whose branches review one report each.
func (o *office) graph() (*burdock.Graph, error) {
	check := burdock.Func("check", o.check)
	decide := burdock.Func("decide", decide)
	settle := burdock.Func("settle", o.settle)
	review, err := burdock.NewGraph("report", burdock.Chain(check, decide, settle))
	if err != nil {
		return nil, err
	}
	return burdock.NewGraph("expenses", burdock.Node(burdock.MapStates("review", review, each, sum, nil)))
}

func each(_ context.Context, in inTray) iter.Seq2[report, error] {
	return burdock.Each(in.Reports, func(r report) report { return r })
}

// check looks at a report before a person does. It is not run again while the report waits, however long.
func (o *office) check(ctx context.Context, r claimed) (a advice, err error) {
	if r.Cents > limit {
		a.Advice = ", above the limit of " + euros(limit)
	}
	return a, o.takesTime(ctx)
}

// limit is the highest sum that is paid without questions.
const limit = 100_00

// decide needs what a person says, so the branch waits here until somebody has answered.
func decide(_ context.Context, w word) (verdict, error) {
	return verdict{Approved: w.Approve, Comment: w.Comment}, nil
}

// settle pays. The bank knows a payment by its key, which is the same in every attempt and process: after a crash between
// the payment and its record it is asked again, and does not pay again.
func (o *office) settle(ctx context.Context, d decided) (settled, error) {
	if err := o.takesTime(ctx); err != nil {
		return settled{}, err
	}
	if !d.Approved {
		return settled{}, nil
	}
	return settled{d.Cents}, o.bank.pay(burdock.Info(ctx).IdempotencyKey(), d.ID, d.Cents)
}

func (o *office) takesTime(ctx context.Context) error {
	select {
	case <-time.After(o.pace):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func sum(_ context.Context, _ inTray, rs *burdock.Results[report, settled]) (t totals, err error) {
	for r := range rs.OK() {
		if t.Cents += r.Out.Paid; r.Out.Paid > 0 {
			t.Paid++
		} else {
			t.Rejected++
		}
	}
	return t, rs.Err()
}

// reports are those of one month.
func reports() []report {
	var all []report
	for i := range 20 {
		what := []string{"taxi", "train", "dinner", "hotel", "books"}[i%5]
		all = append(all, report{ID: fmt.Sprintf("%s-%02d", what, i+1), What: what, Cents: 1250 + 700*i + 3100*(i%5)})
	}
	return all
}
