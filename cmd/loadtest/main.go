// Command loadtest measures a built letstalk. It starts its own copies, on loopback and with databases of their own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

// errUsage is the answer to arguments that can't be understood. figures measures the start time to the first answered
// page, and idle memory.
var errUsage = errors.New("usage: loadtest figures [-bin PATH] [-runs N]")

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 || args[0] != "figures" {
		return errUsage
	}
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	binary := flags.String("bin", "bin/letstalk", "the program to measure")
	runs := flags.Int("runs", 5, "how often to start it")
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 || *runs < 1 {
		return errUsage
	}
	return figures(ctx, *binary, *runs, stdout)
}
