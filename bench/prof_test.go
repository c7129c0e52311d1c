package main

import (
	"context"
	"testing"
)

func BenchmarkOurs(b *testing.B) {
	p, err := branch(10000, 1).open(context.Background(), 10000)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ours(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRaw(b *testing.B) {
	p, err := branch(10000, 1).open(context.Background(), 10000)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.raw(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
