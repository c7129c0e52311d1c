package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
)

// A slowSizer takes 200 ms for each application, by a clock that only it advances.
type slowSizer struct{ now time.Time }

func (s *slowSizer) Size(_ context.Context, root string) (burdock.Size, error) {
	s.now = s.now.Add(200 * time.Millisecond)
	if root == "1" {
		return burdock.Size{}, fmt.Errorf("it was forgotten meanwhile: %w", burdock.ErrNotFound)
	}
	return burdock.Size{Bytes: 7}, nil
}

// A listing comes at once: sizes that take long to count are left out, and it says so.
func TestSizesAreCountedAsLongAsThereIsTime(t *testing.T) {
	for name, c := range map[string]struct {
		all  bool
		want []int64
		says string
	}{
		"as long as there is time": {false, []int64{7, 0, 7, 0, 0}, "sizes not counted: 2; --sizes counts all\n"},
		"all":                      {true, []int64{7, 0, 7, 7, 7}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			src := &slowSizer{}
			s := sizing{src: src, now: func() time.Time { return src.now }, left: sizingTime, all: c.all}
			var got []int64
			for i := range c.want {
				a := &inspect.App{ID: fmt.Sprint(i)}
				if err := s.add(t.Context(), a); err != nil {
					t.Fatal(err)
				}
				got = append(got, a.Bytes)
			}
			var stderr strings.Builder
			s.tell(&program{stderr: &stderr})
			if !slices.Equal(got, c.want) || stderr.String() != c.says {
				t.Errorf("got %d and %q, want %d and %q", got, stderr.String(), c.want, c.says)
			}
		})
	}
}
