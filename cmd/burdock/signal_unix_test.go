//go:build unix

package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// stopper sends a signal to this process while a file is reviewed, and makes the files after it slow; or it waits in the
// midst of that file.
func stopper(order string) func(string) {
	name, after, _ := strings.Cut(order, ":")
	at, err := strconv.Atoi(after)
	if err != nil {
		exit(err)
	}
	signals := map[string][]syscall.Signal{
		"INT": {syscall.SIGINT}, "TERM": {syscall.SIGTERM}, "KILL": {syscall.SIGKILL}, "INTINT": {syscall.SIGINT, syscall.SIGINT},
	}[name]
	var n atomic.Int64
	return func(string) {
		if n.Add(1) < int64(at) {
			return
		}
		if name == "WAIT" {
			_ = os.WriteFile("held", nil, 0o600)
			time.Sleep(heldAtMost)
		}
		for _, s := range signals {
			_ = syscall.Kill(os.Getpid(), s)
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// runAsNobody is the program as a user who owns nothing.
func runAsNobody() {
	const nobody = 65534
	if os.Geteuid() == 0 {
		for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)} {
			if err != nil {
				exit(err)
			}
		}
	}
	runBurdock()
}
