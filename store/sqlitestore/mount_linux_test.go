package sqlitestore_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mountSmall mounts a file system of 512 kB.
func mountSmall(dir string) error { return mountSized(dir, "512k") }

func mountSized(dir, size string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size) }

// remount makes a mounted file system read-only or writable.
func remount(dir string, readOnly bool) error {
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	return syscall.Mount("", dir, "", flags, "")
}

func unmount(dir string) error { return syscall.Unmount(dir, 0) }

// mountImage mounts an ext4 file system that becomes read-only at its first error, and makes it if image is not there.
// It returns what makes that error happen.
func mountImage(t *testing.T, image, dir string) (fail func() error, err error) {
	t.Helper()
	if _, err := os.Stat(image); err != nil {
		if err := os.WriteFile(image, nil, 0o600); err != nil {
			return nil, err
		}
		if err := os.Truncate(image, 8<<20); err != nil {
			return nil, err
		}
		if err := command(t, "mkfs.ext4", "-q", image); err != nil {
			return nil, err
		}
	}
	if err := command(t, "mount", "-o", "loop,errors=remount-ro", image, dir); err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == dir {
			trigger := filepath.Join("/sys/fs/ext4", filepath.Base(f[0]), "trigger_fs_error")
			return func() error { return os.WriteFile(trigger, []byte("a test"), 0) }, nil
		}
	}
	return nil, fmt.Errorf("%s is not in /proc/mounts", dir)
}

func command(t *testing.T, name string, args ...string) error {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
