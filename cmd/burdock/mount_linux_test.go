package main

import (
	"os"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// canMount reports whether a file system can be mounted at dir, which it makes.
func canMount(dir string) bool {
	if os.MkdirAll(dir, 0o700) != nil || syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") != nil {
		return false
	}
	return syscall.Unmount(dir, 0) == nil
}

// mountTmpfs mounts a file system in memory until the script ends, or changes it: mount DIR [SIZE] [ro|remount].
func mountTmpfs(ts *testscript.TestScript, _ bool, args []string) {
	dir, flags, options := ts.MkAbs(args[0]), uintptr(0), ""
	for _, a := range args[1:] {
		switch a {
		case "ro":
			flags |= syscall.MS_REMOUNT | syscall.MS_RDONLY
		case "remount":
			flags |= syscall.MS_REMOUNT
		default:
			options = "size=" + a
		}
	}
	if flags == 0 {
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Defer(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	ts.Check(syscall.Mount("tmpfs", dir, "tmpfs", flags, options))
}
