package burdock

import (
	"context"
	"errors"
)

// readRecord reads the record of the application: the store's, or else the one to restore from.
func (a *App) readRecord(ctx context.Context) (*record, error) {
	a.origin, a.abroad = a.tree.env.ledger.store, false
	rec, err := readRecord(ctx, a.origin, a.tree.root)
	if a.elsewhere == nil || !errors.Is(err, ErrNotFound) {
		return rec, err
	}
	rec, err = readRecord(ctx, a.elsewhere, a.tree.root)
	if err == nil {
		a.origin, a.abroad = a.elsewhere, true
	}
	return rec, err
}

// copiedAtOnce is how many checkpoints of branches are copied in one batch.
const copiedAtOnce = 500

// takeOver copies the records of an application that the store does not have. Those of the application itself come last
// and in one batch: until they are there the store does not have it, whatever else was copied.
func (a *App) takeOver(ctx context.Context) error {
	if !a.abroad {
		return nil
	}
	var own, branches []Checkpoint
	for cp, err := range a.elsewhere.List(ctx, Query{Root: a.tree.root}) {
		if err != nil {
			return &StoreError{Op: "list", App: a.tree.root, Err: err}
		}
		cp.Fence = a.tree.env.ledger.fence
		if cp.App == a.tree.root {
			own = append(own, cp)
			continue
		}
		branches = append(branches, cp)
		if len(branches) == copiedAtOnce {
			if err := a.tree.env.ledger.write(ctx, branches, nil); err != nil {
				return err
			}
			branches = branches[:0]
		}
	}
	if len(branches) > 0 {
		if err := a.tree.env.ledger.write(ctx, branches, nil); err != nil {
			return err
		}
	}
	if err := a.tree.env.ledger.write(ctx, own, nil); err != nil {
		return err
	}
	a.abroad = false
	return nil
}
