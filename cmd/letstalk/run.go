package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"letstalk/internal/config"
)

// version is set by the build (-ldflags "-X main.version=…"); without it the module's build information serves.
var version string

// run is the program. It returns when ctx ends and everything is closed, or when something keeps it from serving.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		if command := commands()[args[0]]; command != nil {
			return command(ctx, args[1:], environ, stdout, stderr)
		}
	}
	flags := flag.NewFlagSet("letstalk", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error it returns says it all
	dev := flags.Bool("dev", false, "")
	showVersion := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		writeUsage(stdout)
		return nil
	case err != nil:
		return fmt.Errorf("%w; see letstalk -h", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unknown argument %q; see letstalk -h", flags.Arg(0))
	case *showVersion:
		_, err := fmt.Fprintln(stdout, "letstalk", buildVersion())
		return err
	}
	cfg, err := config.Load(environ, ".env", *dev)
	if err != nil {
		return fmt.Errorf("the configuration needs a look:\n%w", err)
	}
	return serve(ctx, cfg, stdout, newLogger(cfg, stderr))
}

// commands are what the program can do besides serving.
func commands() map[string]func(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	return map[string]func(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error{
		"move": move, "admin": admin, "audit": audit, "doctor": examine,
	}
}

func writeUsage(w io.Writer) {
	fmt.Fprint(w, `letstalk serves team chat.

Usage: letstalk [-dev] [-h] [-version]
       letstalk admin list|grant|revoke|deactivate|activate [EMAIL]
       letstalk audit verify|export
       letstalk doctor [-no-rehearsal]
       letstalk move DATABASE_URL

  -dev      try it out on this machine: brings an identity provider with demo accounts
  -h        show this help
  -version  show the version
  admin     make somebody an administrator, or lock them out; letstalk admin -h says how
  audit     prove or export the audit log; letstalk audit -h says how
  doctor    look whether provider, proxy and site fit together; letstalk doctor -h says how
  move      copy everything to another database; letstalk move -h says how

It is configured by environment variables, and by a file .env in the folder it is started in:

`)
	config.WriteHelp(w)
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
