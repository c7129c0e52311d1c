//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sqlitestore

import (
	"errors"
	"os"
)

// lockOwner does nothing: this system has no lock that ends with the process. What is lost is the conflict between
// two processes, which then take each other's claim for a dead one's; the fence still lets only the later one save.
// Claims within one process conflict as everywhere.
func lockOwner(*os.File) error { return nil }

func ownerLives(string) (bool, error) { return false, nil }

func gone(string) bool { return false }

func isReadOnly(err error) bool { return errors.Is(err, os.ErrPermission) }

// mayWrite does not know before it is tried.
func mayWrite(string) error { return nil }
