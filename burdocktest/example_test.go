package burdocktest_test

import (
	"context"
	"fmt"
	"testing"
)

// A console is the t of an example, which has none: it prints what a test would say.
type console struct{ testing.TB }

func (console) Helper()                           {}
func (console) Name() string                      { return "Example" }
func (console) Context() context.Context          { return context.Background() }
func (console) Failed() bool                      { return false }
func (console) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (console) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
