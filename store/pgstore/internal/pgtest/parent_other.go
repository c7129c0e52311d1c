//go:build !linux

package pgtest

import "syscall"

// withParent can do nothing here: a test that is killed leaves the server running.
func withParent(a *syscall.SysProcAttr) *syscall.SysProcAttr { return a }
