package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/burdock-go/burdock"
	stored "github.com/burdock-go/burdock/record"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// Lists that grow by one element per step, as a conversation does.
var lists = []budget{
	{
		name: "append/5000", size: 5_000, rounds: 11, gauge: elapsed,
		versus: "steps that append a message of 200 bytes each, Relaxed, against prepared INSERTs of rows with the same bytes, synchronous NORMAL",
		price:  price{ratio: 1.3},
		open:   inFolders(1, openAppends),
	},
	{
		name: "append/linear", size: 5_000, rounds: 11, gauge: elapsed,
		versus: "the second half of 5,000 such steps against the first half, both ours",
		price:  price{ratio: 1.2},
		open:   inFolders(1, openHalves),
	},
	{
		name: "append/bytes", size: 5_000, rounds: 1, gauge: weight,
		versus: "the database file after 5,000 such steps against the messages alone, as JSON",
		price:  price{ratio: 4},
		open:   inFolders(1, openBytes),
	},
}

// A message is an element of the lists.
type message struct {
	Role string `json:"role"`
	Text string `json:"text"`
}

var line200 = message{"assistant", strings.Repeat("a message of some length ", 7)}

// said is what a step appends, and heard is the whole list.
type said struct {
	Messages []message `state:"messages,append"`
}

type heard struct {
	Messages []message `state:"messages"`
}

func say(context.Context, burdock.None) (said, error) { return said{[]message{line200}}, nil }

// talk is a graph that appends size messages, the first half of them before the node "again".
func talk(size int) (*burdock.Graph, error) {
	fewer := func(n int) *burdock.Condition {
		return burdock.When(fmt.Sprintf("fewer than %d", n), func(h heard) bool { return len(h.Messages) < n })
	}
	first := burdock.Func("say", say)
	again := first.Named("again")
	return burdock.NewGraph("talk",
		burdock.Node(first, fewer(size/2).Then(first), burdock.Then(again)),
		burdock.Node(again, fewer(size).Then(again)))
}

// talking runs applications that append size messages each.
type talking struct {
	graph *burdock.Graph
	store *sqlitestore.Store
}

func newTalking(ctx context.Context, f *folder, size int) (*talking, error) {
	g, err := talk(size)
	if err != nil {
		return nil, err
	}
	store, err := f.store(ctx)
	return &talking{g, store}, err
}

func (t *talking) options() *burdock.Options {
	return &burdock.Options{Cascade: burdock.Cascade{Store: t.store}, Durability: burdock.Relaxed}
}

// run runs an application to its end and returns its id.
func (t *talking) run(ctx context.Context) (id string, err error) {
	return runAnew(ctx, t.graph, t.options())
}

func openAppends(ctx context.Context, f *folder, size int) (pair, error) {
	t, err := newTalking(ctx, f, size)
	if err != nil {
		return pair{}, err
	}
	id, err := t.run(ctx)
	if err != nil {
		return pair{}, err
	}
	middle, err := t.store.Load(ctx, burdock.Ref{App: id, Seq: int64(size / 2)})
	if err != nil {
		return pair{}, err
	}
	raw, err := rawLog(ctx, f, size, middle)
	return pair{
		ops: size,
		ours: func(ctx context.Context) error {
			_, err := t.run(ctx)
			return err
		},
		raw: raw,
	}, err
}

// rawLog returns a function that appends size rows to a log of its own.
func rawLog(ctx context.Context, f *folder, size int, like burdock.Checkpoint) (func(context.Context) error, error) {
	row, err := stored.Marshal(like)
	if err != nil {
		return nil, err
	}
	db, err := f.raw(ctx, "NORMAL", rawStepTable)
	if err != nil {
		return nil, err
	}
	insert, err := db.prepare(ctx, rawInsertStep)
	logs := 0
	return func(ctx context.Context) error {
		ctx = uncut(ctx)
		logs++
		for seq := range size {
			if err := insert.write(ctx, logs, seq, row); err != nil {
				return err
			}
		}
		return nil
	}, err
}

// openHalves runs the second half of an application and then the first half of the next one, so that both halves take
// turns.
func openHalves(ctx context.Context, f *folder, size int) (pair, error) {
	t, err := newTalking(ctx, f, size)
	if err != nil {
		return pair{}, err
	}
	var app *burdock.App
	first := func(ctx context.Context) (err error) {
		if app, err = burdock.New(ctx, t.graph, t.options()); err != nil {
			return err
		}
		_, err = app.Run(ctx, burdock.HaltBefore(burdock.ByName("again")))
		return err
	}
	second := func(ctx context.Context) error {
		_, err := app.Run(ctx)
		return err
	}
	return pair{ops: size / 2, ours: second, raw: first}, first(ctx)
}

// openBytes weighs what a list takes on the disk, indexes and free space included.
func openBytes(_ context.Context, f *folder, size int) (pair, error) {
	g, err := talk(size)
	files, bytes := 0, 0.0
	return pair{
		figure: func() float64 { return bytes },
		ours: func(ctx context.Context) (err error) {
			files++
			bytes, err = fileOf(ctx, g, filepath.Join(f.path, fmt.Sprint(files)))
			return err
		},
		raw: func(context.Context) error {
			text, err := json.Marshal(line200)
			bytes = float64(size * len(text))
			return err
		},
	}, err
}

// fileOf runs a graph in a database of its own and returns the size of the file.
func fileOf(ctx context.Context, g *burdock.Graph, path string) (float64, error) {
	store, err := sqlitestore.Open(ctx, path, nil)
	if err != nil {
		return 0, err
	}
	_, err = (&talking{g, store}).run(ctx)
	if closed := store.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}
