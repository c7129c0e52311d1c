package review

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestFullDiskStopsTheReviewWithTheWayOut(t *testing.T) {
	g := seeded(t)
	whole := newCrash(t, g.Dir)
	want := whole.finish().report
	files := len(whole.lines("acks"))
	c := newCrash(t, g.Dir)
	mount := func(flags uintptr, size string) {
		t.Helper()
		err := syscall.Mount("tmpfs", c.dir, "tmpfs", flags, "size="+size)
		if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ENOSYS) {
			t.Skipf("skipped: a small file system cannot be mounted here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	mount(0, "2m")
	defer func() {
		if err := syscall.Unmount(c.dir, 0); err != nil {
			t.Error(err)
		}
	}()
	outOfSpace(t, c.run(), c.file("burdock.db"))
	outOfSpace(t, c.run("-resume"), c.file("burdock.db"))
	mount(syscall.MS_REMOUNT, "64m")
	afterOutOfSpace(c, want, files)
}
