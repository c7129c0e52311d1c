package inspect

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/burdock-go/burdock"
)

// Description returns the stored description of an application's graph. That of a branch is a part of its root's; where
// it is not found there, its root's is returned. It fails with burdock.ErrNotFound if nothing was saved.
func Description(ctx context.Context, src Source, latest burdock.Checkpoint) (json.RawMessage, error) {
	zero, err := src.Load(ctx, burdock.Ref{App: latest.Root, Seq: 0})
	if err != nil {
		return nil, err
	}
	if len(zero.Description) == 0 {
		return nil, fmt.Errorf("the graph of %s: %w", latest.Root, burdock.ErrNotFound)
	}
	if latest.App != latest.Root {
		if part := within(zero.Description, latest.Graph); part != nil {
			return part, nil
		}
	}
	return zero.Description, nil
}

// within finds the description of a branch graph by its name, in any depth. A branch may also refer to a graph around it,
// which is described where it stands.
func within(description json.RawMessage, name string) json.RawMessage {
	type node struct {
		Branches []json.RawMessage `json:"branches"`
	}
	var d struct {
		Nodes    []node `json:"nodes"`
		Fallback node   `json:"fallback"` // of a reference
	}
	if json.Unmarshal(description, &d) != nil {
		return nil
	}
	for _, n := range append(d.Nodes, d.Fallback) {
		for _, b := range n.Branches {
			var named struct {
				Name      string `json:"name"`
				Reference bool   `json:"reference"`
			}
			if json.Unmarshal(b, &named) == nil && named.Name == name && !named.Reference {
				return b
			}
			if found := within(b, name); found != nil {
				return found
			}
		}
	}
	return nil
}
