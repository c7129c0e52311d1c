package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/cmd/burdock/internal/inspect"
	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// graph draws the graph of an application.
type graph struct {
	ID   string `arg:"" help:"An application's id, the beginning of one, or a branch's path."`
	JSON bool   `name:"json" help:"The graph's stored description."`
}

// Help is the text below the first line of the command's help.
func (*graph) Help() string {
	return `The drawing is a Mermaid flowchart, which GitHub and many editors show as a picture. Of a branch it is the
branch's own graph.`
}

// Run is called by the parser.
func (c *graph) Run(ctx context.Context, p *program, db *database) error {
	return db.reading(ctx, p, func(store *sqlitestore.Store) error {
		latest, err := find(ctx, store, c.ID)
		if err != nil {
			return err
		}
		described, err := inspect.Description(ctx, store, latest)
		switch {
		case errors.Is(err, burdock.ErrNotFound):
			return &problem{"the graph of " + latest.App + " was not saved", ""}
		case err != nil:
			return err
		case c.JSON:
			return p.printJSON(json.RawMessage(described), "  ")
		}
		drawing, err := burdock.MermaidOf(described)
		if err != nil {
			return err
		}
		return p.print(term.EscapeLines(drawing))
	})
}
