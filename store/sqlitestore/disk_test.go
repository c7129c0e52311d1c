package sqlitestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

// mounted is a folder on a small file system in memory.
func mounted(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := mountSized(dir, size); err != nil {
		t.Skipf("skipped: a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(dir); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill writes a file until the disk is full.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return f.Close()
}

type count struct {
	N int `state:"n"`
}

type pile struct {
	N     int      `state:"n"`
	Parts []string `state:"parts,append"`
}

// TestP6_ARunGoesOnWhenTheFullDiskHasRoomAgain fills the disk in the middle of a run and frees it again. The next Run
// saves what the first one could not, and no step runs twice.
func TestP6_ARunGoesOnWhenTheFullDiskHasRoomAgain(t *testing.T) {
	dir := mounted(t, "4m")
	path, ballast := filepath.Join(dir, "test.db"), filepath.Join(dir, "ballast")
	s := open(t, path, nil)
	var ran [20]int
	grow := burdock.Func("grow", func(_ context.Context, in count) (pile, error) {
		if ran[in.N]++; in.N == 9 {
			if err := fill(ballast); err != nil {
				return pile{}, err
			}
		}
		return pile{in.N + 1, []string{strings.Repeat("x", 20_000)}}, nil
	})
	more := burdock.When("more", func(c count) bool { return c.N < len(ran) })
	g := burdock.MustGraph("pile", burdock.Node(grow, more.Then(grow)))
	app, err := burdock.New(t.Context(), g, &burdock.Options{ID: "r", State: burdock.StateOf(count{}), Cascade: burdock.Cascade{Store: s}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.Run(t.Context())
	if _, ok := errors.AsType[*burdock.StoreError](err); !ok || !errors.Is(err, sqlitestore.ErrFull) || !strings.Contains(err.Error(), path) {
		t.Fatalf("on a full disk: got %v, want a StoreError that is ErrFull and names the file", err)
	}
	if c, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 9}); err != nil || c.Status != burdock.StatusCompleted {
		t.Errorf("on a full disk the last acknowledged step: got %v, %v", c.Status, err)
	}
	if _, err := app.Run(t.Context()); !errors.Is(err, sqlitestore.ErrFull) {
		t.Errorf("on a disk that is still full: got %v, want ErrFull", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Run(t.Context()); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	for n, times := range ran {
		if times != 1 {
			t.Errorf("step %d ran %d times, want once", n+1, times)
		}
	}
	again, err := burdock.Resume(t.Context(), g, &burdock.Options{ID: "r", Cascade: burdock.Cascade{Store: s}})
	if err != nil {
		t.Fatal(err)
	}
	parts, _ := burdock.Key[[]string]("parts").Get(again.State())
	if n, _ := burdock.Key[int]("n").Get(again.State()); n != len(ran) || len(parts) != len(ran) {
		t.Errorf("resumed: got %d and %d parts, want %d of each", n, len(parts), len(ran))
	}
}

func TestADiskThatIsReadOnlyIsReadAndNamed(t *testing.T) {
	dir := mounted(t, "4m")
	path := filepath.Join(dir, "test.db")
	s, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	fence := burdock.Fence{Root: "r", Epoch: 1}
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 0, "x")}); err != nil {
		t.Fatal(err)
	}
	if err := remount(dir, true); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("remounting beside an open store: got %v, want EBUSY", err)
	}
	if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", 1, "x")}); err != nil {
		t.Errorf("after the system has refused: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := remount(dir, true); err != nil {
		t.Fatal(err)
	}
	defer remount(dir, false) //nolint:errcheck // it is unmounted anyway
	refuses(t, path, nil, sqlitestore.ErrReadOnly)
	reader := open(t, path, &sqlitestore.Options{ReadOnly: true})
	if _, err := reader.Load(t.Context(), burdock.Ref{App: "r", Seq: 1}); err != nil {
		t.Error(err)
	}
}

// TestP6_AFileSystemThatFailsMeanwhileLosesNothingAcknowledged lets ext4 find an error in itself, which makes it
// read-only under an open store.
func TestP6_AFileSystemThatFailsMeanwhileLosesNothingAcknowledged(t *testing.T) {
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	fail, err := mountImage(t, image, dir)
	if err != nil {
		t.Skipf("skipped: no file system that can fail: %v", err)
	}
	t.Cleanup(func() { _ = unmount(dir) })
	path, fence := filepath.Join(dir, "test.db"), burdock.Fence{Root: "r", Epoch: 1}
	s, err := sqlitestore.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range int64(5) {
		if err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", seq, strings.Repeat("x", 5000))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := fail(); err != nil {
		t.Skipf("skipped: the file system cannot be made to fail: %v", err)
	}
	acked := int64(5)
	for range 3 {
		err := s.Save(t.Context(), fence, []burdock.Checkpoint{step("r", acked, strings.Repeat("x", 5000))})
		if e, ok := errors.AsType[*sqlitestore.Error](err); !ok || e.Hint == "" || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want an *Error that names the file and the way out", err)
		}
		if err == nil {
			acked++
		}
	}
	if c, err := s.Load(t.Context(), burdock.Ref{App: "r", Seq: 4}); err != nil || c.Seq != 4 {
		t.Errorf("reading from what cannot be written: %v", err)
	}
	_ = s.Close() // it cannot move the log into the file
	if err := unmount(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := mountImage(t, image, dir); err != nil {
		t.Fatal(err)
	}
	after, err := sqlitestore.Open(t.Context(), path, &sqlitestore.Options{Check: true})
	if err != nil {
		t.Fatal(err)
	}
	for seq := range acked {
		if _, err := after.Load(t.Context(), burdock.Ref{App: "r", Seq: seq}); err != nil {
			t.Errorf("step %d of %d acknowledged ones: %v", seq, acked, err)
		}
	}
	if err := after.Save(t.Context(), fence, []burdock.Checkpoint{step("r", acked, "x")}); err != nil {
		t.Errorf("on the mended file system: %v", err)
	}
	if err := after.Close(); err != nil {
		t.Error(err)
	}
}
