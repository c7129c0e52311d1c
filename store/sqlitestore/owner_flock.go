//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlitestore

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

// lockOwner takes the lock that says that this store lives. The operating system gives it up with the process.
func lockOwner(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// ownerLives reports whether some store holds the lock of the file. Every caller has SQLite's write lock, so no two
// of them take each other's probe for an owner.
func ownerLives(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, f.Close()
	}
	return false, errors.Join(err, f.Close())
}

// gone reports whether this system has no process of that number any more. In a container it may be another's.
func gone(pid string) bool {
	n, err := strconv.Atoi(pid)
	return err == nil && n > 0 && errors.Is(syscall.Kill(n, 0), syscall.ESRCH)
}

func isReadOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, os.ErrPermission)
}

// mayWrite asks the system whether this process may write a file or folder, without opening it.
func mayWrite(path string) error {
	const forWriting = 2
	return syscall.Access(path, forWriting)
}
