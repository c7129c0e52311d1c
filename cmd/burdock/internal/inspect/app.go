package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/record"
)

// An App says how one application, a root or a branch, stands.
type App struct {
	ID        string         `json:"id"`
	Path      string         `json:"path,omitempty"` // of a branch
	Root      string         `json:"root,omitempty"` // of a branch
	Parent    *Ref           `json:"parent,omitempty"`
	Key       string         `json:"key,omitempty"`
	Status    burdock.Status `json:"status"`
	Project   string         `json:"project,omitempty"`
	Partition string         `json:"partition,omitempty"`
	Graph     string         `json:"graph"`
	GraphHash string         `json:"graph_hash"`
	Origin    *Ref           `json:"origin,omitempty"` // of a fork

	Step   int64    `json:"step"`   // number of the latest step
	Action string   `json:"action"` // of the latest step
	Next   string   `json:"next,omitempty"`
	Halted string   `json:"halted,omitempty"`
	Needs  []string `json:"needs,omitempty"`
	Error  string   `json:"error,omitempty"`

	// Branches counts those of the latest step, if that has not ended.
	Branches map[burdock.Status]int64 `json:"branches,omitempty"`

	Started time.Time `json:"started"`
	Age     Seconds   `json:"age_seconds"` // since Started
	Written time.Time `json:"written"`
	Took    Seconds   `json:"took_seconds"` // from Started to Written; to this moment while it runs

	// Bytes is what the store keeps of a root and all its descendants, 0 as long as nobody has counted it.
	Bytes int64 `json:"bytes,omitempty"`

	Counts record.Counts `json:"-"` // Branches in order

	latest burdock.Checkpoint
	live   bool
}

// A Ref is a burdock.Ref as JSON.
type Ref struct {
	App string `json:"app"`
	Seq int64  `json:"step"`
}

func ref(r burdock.Ref) *Ref {
	if r == (burdock.Ref{}) {
		return nil
	}
	return &Ref{r.App, r.Seq}
}

// Seconds is a duration that JSON shows as a number of seconds.
type Seconds time.Duration

// MarshalJSON writes a number with at most nine digits after the point.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// Open tells of the application whose latest record is given, at the moment now.
func Open(ctx context.Context, src Source, latest burdock.Checkpoint, now time.Time) (*App, error) {
	lives, err := live(ctx, src, latest.Root)
	if err != nil {
		return nil, err
	}
	a := &App{
		ID: latest.App, Project: latest.Project, Partition: latest.Partition, Graph: latest.Graph, GraphHash: latest.GraphHash,
		Step: latest.Seq, Action: latest.Action, Next: latest.Next, Halted: latest.Halted, Needs: latest.Needs,
		Error: ErrorText(&latest), Written: record.Written(latest), latest: latest, live: lives,
	}
	if latest.App == latest.Root {
		a.Status = record.AppStatus(latest, lives)
	} else {
		a.Status = record.BranchStatus(latest, lives)
		a.Path, a.Root, a.Parent, a.Key = latest.Path, latest.Root, ref(latest.Parent), latest.Key
	}
	return a, a.complete(ctx, src, now)
}

// complete reads what the latest record does not say.
func (a *App) complete(ctx context.Context, src Source, now time.Time) error {
	zero, err := src.Load(ctx, burdock.Ref{App: a.ID, Seq: 0})
	if err != nil && !errors.Is(err, burdock.ErrNotFound) {
		return err
	}
	a.Started = zero.Started
	if a.Started.IsZero() {
		a.Started = a.latest.Started
	}
	a.Origin = ref(zero.Origin)
	end := a.Written
	if a.Status == burdock.StatusRunning {
		end = now
	}
	a.Age, a.Took = Seconds(now.Sub(a.Started)), Seconds(max(end.Sub(a.Started), 0))
	return a.count(ctx, src)
}

// count counts the branches of a step that has not ended; that of an ended one is told by Steps.
func (a *App) count(ctx context.Context, src Source) (err error) {
	if a.latest.Status != burdock.StatusRunning {
		return nil
	}
	a.Counts, err = record.CountBranches(src.List(ctx, burdock.Query{Parent: a.latest.Ref(), Latest: true}), a.live)
	if a.Counts.Total() > 0 {
		a.Branches = byStatus(&a.Counts)
	}
	return err
}

func byStatus(c *record.Counts) map[burdock.Status]int64 {
	return maps.Collect(c.All())
}

// A Filter selects applications. Its zero value selects all but the entries of caches, which only their Project selects.
type Filter struct {
	Project string
	Status  []burdock.Status
}

// Roots yields the root applications that f selects, the most recently written first. It stops at the first error,
// which it yields.
func Roots(ctx context.Context, src Source, f Filter, now time.Time) iter.Seq2[*App, error] {
	return func(yield func(*App, error) bool) {
		q := burdock.Query{Roots: true, Project: f.Project, Status: stored(f.Status)}
		for latest, err := range src.List(ctx, q) {
			if err == nil && latest.Project == burdock.CacheProject && f.Project != latest.Project {
				continue
			}
			var a *App
			if err == nil {
				var lives bool
				if lives, err = live(ctx, src, latest.Root); err == nil {
					if len(f.Status) > 0 && !slices.Contains(f.Status, record.AppStatus(latest, lives)) {
						continue
					}
					a, err = Open(ctx, src, latest, now)
				}
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}
