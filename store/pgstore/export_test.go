package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/burdock-go/burdock"
)

// SaveApart is Save without the group: a transaction of its own, beside those of others.
func SaveApart(ctx context.Context, s *Store, fence burdock.Fence, checkpoints []burdock.Checkpoint) error {
	sv := &save{fence: fence, rows: make([]row, len(checkpoints))}
	for i := range checkpoints {
		if err := sv.rows[i].encode(&checkpoints[i]); err != nil {
			return err
		}
	}
	return errors.Join(s.transact(ctx, []*save{sv}, nil), sv.err)
}

// Renewals is how many goroutines renew leases.
func Renewals(s *Store) int {
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	if s.claims.stop == nil {
		return 0
	}
	return 1
}

// SchemaVersion is what this package reads and writes.
const SchemaVersion = schemaVersion

// StuckAfter is how long a session may be stuck.
const StuckAfter time.Duration = stuckAfter
