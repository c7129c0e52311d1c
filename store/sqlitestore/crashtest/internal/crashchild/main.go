//go:build unix

// Command crashchild is one process of a round of package crashtest.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/burdock-go/burdock/store/sqlitestore/crashtest"
)

func main() {
	var c crashtest.Child
	c.Flags(flag.CommandLine)
	flag.Parse()
	if err := c.Run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
