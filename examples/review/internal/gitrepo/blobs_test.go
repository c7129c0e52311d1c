package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/burdock-go/burdock/examples/review/internal/gittest"
)

// seeded returns a repository with n files and their object ids by content.
func seeded(t *testing.T, n int) (*Repo, map[string]string) {
	t.Helper()
	g := gittest.New(t)
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("f%04d", i)] = strings.Repeat(fmt.Sprintln("line", i), i)
	}
	g.Write(files)
	g.Commit()
	r := open(t, g.Dir)
	s, err := r.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, f := range s.Files {
		contents[f.OID] = files[f.Path]
	}
	return r, contents
}

// children returns the ids of this process's children.
func children(t *testing.T) (pids []int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("skipped: children are counted in /proc")
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		list, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children") // the thread may have ended
		for f := range strings.FieldsSeq(string(list)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestBlobsNeverRunMoreChildrenThanTheLimit(t *testing.T) {
	r, contents := seeded(t, 60)
	blobs := r.Blobs(&BlobsOptions{Processes: 3, Cache: 1 << 10})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for oid, want := range contents {
				got, err := blobs.Get(t.Context(), oid, 1<<20)
				if string(got) != want || err != nil {
					t.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
				}
			}
		})
	}
	for range 20 {
		if n := len(children(t)); n > 3 {
			t.Errorf("got %d children, want at most 3", n)
		}
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	blobs.Close()
	blobs.Close()
	if n := len(children(t)); n != 0 {
		t.Errorf("got %d children after Close, want 0", n)
	}
	if _, err := blobs.Get(t.Context(), strings.Repeat("0", 40), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestBlobsReplaceAChildThatDied(t *testing.T) {
	r, contents := seeded(t, 20)
	blobs := r.Blobs(&BlobsOptions{Processes: 1, Cache: 1})
	defer blobs.Close()
	for oid, want := range contents {
		got, err := blobs.Get(t.Context(), oid, 1<<20)
		if string(got) != want || err != nil {
			t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
		for _, pid := range children(t) {
			child, err := os.FindProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestBlobsSurviveCancelledReads(t *testing.T) {
	r, contents := seeded(t, 40)
	blobs := r.Blobs(&BlobsOptions{Processes: 2, Cache: 1})
	defer blobs.Close()
	why := errors.New("enough")
	for oid, want := range contents {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan struct{})
		go func() { cancel(why); close(done) }()
		if got, err := blobs.Get(ctx, oid, 1<<20); err == nil && string(got) != want || err != nil && !errors.Is(err, why) {
			t.Errorf("got %d bytes, %v, want %d or the cause", len(got), err, len(want))
		}
		<-done
		if got, err := blobs.Get(t.Context(), oid, 1<<20); string(got) != want || err != nil {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
}

func TestBlobsRefuseWhatIsTooLargeAndGoOn(t *testing.T) {
	g := gittest.New(t)
	g.Write(map[string]string{"large": strings.Repeat("x", 50<<20), "small": "small"})
	g.Commit()
	r := open(t, g.Dir)
	s, err := r.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	blobs := r.Blobs(&BlobsOptions{Processes: 1})
	defer blobs.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := blobs.Get(t.Context(), s.Files[0].OID, 4<<20); err == nil {
		t.Error("got no error for 50 MB, want one")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("got %d bytes allocated, want far less than the file", grown)
	}
	if got, err := blobs.Get(t.Context(), s.Files[1].OID, 4<<20); string(got) != "small" || err != nil {
		t.Errorf("got %q, %v, want small", got, err)
	}
	if _, err := blobs.Get(t.Context(), strings.Repeat("1", 40), 1); err == nil || !strings.Contains(err.Error(), "git fsck") {
		t.Errorf("got %v, want a missing object and what to do", err)
	}
	if _, err := blobs.Get(t.Context(), s.Commit, 1); err == nil {
		t.Error("got no error for a commit, want one")
	}
}
