//go:build !unix

package main

func stopper(string) func(string) { return nil }

func runAsNobody() { runBurdock() }
