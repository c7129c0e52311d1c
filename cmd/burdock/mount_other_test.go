//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func canMount(string) bool { return false }

func mountTmpfs(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("it is made for Linux") }
