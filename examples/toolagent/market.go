package main

import (
	"context"
	"fmt"
	"time"

	"github.com/burdock-go/burdock"
)

// A market is what the tools work on: shops that take their time. It says what happens there.
type market struct {
	pace time.Duration
	say  func(format string, args ...any)
}

type (
	offer struct {
		Shop string `state:"shop" doc:"north, south or west"`
		Item string `state:"item" doc:"in the singular"`
	}
	order struct {
		offer
		Count int `state:"count" doc:"how many"`
	}
)

func (m *market) tools() []tool {
	return []tool{
		{burdock.Func("price", m.price), "The price of an item in a shop."},
		{burdock.Func("order", m.order), "Orders items from a shop. An order cannot be taken back."},
	}
}

// A shop sells lamps and nothing else; slow is how many paces it needs.
type shop struct {
	price float64
	slow  time.Duration
}

var shops = map[string]shop{"north": {19.90, 1}, "south": {17.50, 2}, "west": {18.20, 3}}

func (m *market) price(ctx context.Context, in offer) (result, error) {
	s, err := m.visit(ctx, in)
	if err != nil {
		return result{}, err
	}
	m.say("  %s sells a %s for %.2f", in.Shop, in.Item, s.price)
	return result{fmt.Sprintf("%.2f each", s.price)}, nil
}

// order gives the shop a number that stays the same when the step is tried again, so that the shop can tell.
func (m *market) order(ctx context.Context, in order) (result, error) {
	s, err := m.visit(ctx, in.offer)
	if err != nil {
		return result{}, err
	}
	number := burdock.Info(ctx).IdempotencyKey()[:8]
	m.say("  %s gets order %s: %d × %s", in.Shop, number, in.Count, in.Item)
	return result{fmt.Sprintf("order %s is placed, %.2f in all", number, float64(in.Count)*s.price)}, nil
}

// visit goes to a shop that has the item.
func (m *market) visit(ctx context.Context, in offer) (shop, error) {
	s, ok := shops[in.Shop]
	switch {
	case !ok:
		return s, fmt.Errorf("there is no shop %q; there are north, south and west", in.Shop)
	case in.Item != "lamp":
		return s, fmt.Errorf("%s has no %s, only lamps", in.Shop, in.Item)
	}
	return s, pause(ctx, s.slow*m.pace)
}
