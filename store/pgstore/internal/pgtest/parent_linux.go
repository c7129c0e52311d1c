package pgtest

import "syscall"

// withParent ends the server when the test is killed.
func withParent(a *syscall.SysProcAttr) *syscall.SysProcAttr {
	a.Pdeathsig = syscall.SIGQUIT
	return a
}
