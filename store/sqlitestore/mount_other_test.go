//go:build !linux

package sqlitestore_test

import (
	"errors"
	"testing"
)

var errElsewhere = errors.New("not on this system")

func mountSmall(string) error { return errElsewhere }

func mountSized(string, string) error { return errElsewhere }

func remount(string, bool) error { return errElsewhere }

func mountImage(*testing.T, string, string) (func() error, error) { return nil, errElsewhere }

func unmount(string) error { return nil }
