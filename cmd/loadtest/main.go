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
	"strings"
	"syscall"
)

//go:generate npm ci --no-audit --no-fund --loglevel=error

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

// errUsage is the answer to arguments that can't be understood. figures measures the start time to the first answered
// page, and idle memory; bench everything else, much of it against Socket.IO.
var errUsage = errors.New(`usage: loadtest figures [-bin PATH] [-runs N]
       loadtest bench [-bin PATH] [-socketio DIR] [-only NAME,…] [-rounds N] [-quick] [-ours] [-profile DIR]
measures: ` + strings.Join(measureNames(), ", "))

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	binary := flags.String("bin", "bin/letstalk", "the program to measure")
	switch args[0] {
	case "figures":
		runs := flags.Int("runs", 5, "how often to start it")
		if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 || *runs < 1 {
			return errUsage
		}
		return figures(ctx, *binary, *runs, stdout)
	case natsCommand:
		return serveNATS(ctx, stdout)
	case "bench":
		opts := options{scale: full}
		only := flags.String("only", "", "which measures, separated by commas; all when empty")
		flags.IntVar(&opts.rounds, "rounds", 3, "how often each measure is taken; the median counts")
		flags.StringVar(&opts.socketIO, "socketio", "cmd/loadtest", "folder of the Socket.IO server and its node_modules")
		flags.BoolVar(&opts.ours, "ours", false, "leave Socket.IO out")
		flags.StringVar(&opts.profiles, "profile", "", "folder for CPU profiles of letstalk")
		flags.BoolVar(&opts.quick, "quick", false, "a little load for a short time, to see that everything works")
		if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 || opts.rounds < 1 {
			return errUsage
		}
		opts.binary = *binary
		if *only != "" {
			opts.only = strings.Split(*only, ",")
		}
		if opts.quick {
			opts.scale = quick
		}
		return runBench(ctx, opts, stdout, stderr)
	}
	return errUsage
}
