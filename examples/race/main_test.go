package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the README says that the program prints is what it prints.
func Example_main() {
	main()
	// Output:
	// race-1/race#1/person waits for [good]
	// race-1: swift: 42 (swift was asked 1 time)
	// race-2/race#1/person waits for [good]
	// race-2: nobody has won (swift was asked 1 time)
}
