//go:build unix

package crashtest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(childDir)
		os.Exit(code)
	}))
}

var childDir string

// childProgram builds the child, once per run of the tests and without the race detector: a process that is ten times
// slower is killed at fewer places.
var childProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "crashchild")
	if err != nil {
		return "", err
	}
	childDir = dir
	path := filepath.Join(dir, "crashchild")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", path, "./internal/crashchild")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, said)
	}
	return path, nil
})

// An outcome is what an undisturbed run of a plan comes to.
type outcome struct {
	state   string
	effects int
	drawing string
}

// undisturbed runs a plan in this process, with a store in memory.
func undisturbed(ctx context.Context, p *crashtest.Plan) (outcome, error) {
	w := &crashtest.Bystander{}
	g, err := p.Graph(w)
	if err != nil {
		return outcome{}, err
	}
	s := memstore.New()
	app, err := burdock.New(ctx, g, p.Options(s, 0))
	if err != nil {
		return outcome{}, err
	}
	state, err := p.RunToEnd(ctx, app, s)
	return outcome{state, int(w.Effects.Load()), g.Mermaid()}, err
}
