package memstore

import "github.com/burdock-go/burdock"

var _ burdock.Relaxer = (*Store)(nil)

// Relaxed implements burdock.Relaxer. Nothing here outlasts the process, so it is the store itself.
func (s *Store) Relaxed() burdock.Store { return s }
