package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"letstalk/internal/config"
	"letstalk/internal/doctor"
	"letstalk/store/sqlstore"
)

// examine is the command doctor: it looks whether the site that is configured here, its proxy and its provider fit
// together.
func examine(ctx context.Context, args, environ []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("letstalk doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error it returns says it all
	noRehearsal := flags.Bool("no-rehearsal", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := fmt.Fprint(stdout, doctorUsage)
		return err
	case err != nil:
		return fmt.Errorf("%w; see letstalk doctor -h", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unknown argument %q; see letstalk doctor -h", flags.Arg(0))
	}
	report := doctor.NewReport(stdout)
	cfg, err := config.Load(environ, ".env", false)
	if err == nil {
		report.OK("The configuration is complete.")
		if err = examineSite(ctx, cfg, !*noRehearsal, report); ctx.Err() != nil {
			err = errors.Join(err, errors.New("stopped: what is said last may be about that"))
		}
	} else {
		for problem := range strings.SplitSeq(err.Error(), "\n") {
			report.Fail("", "%s", problem)
		}
		err = nil
	}
	if err := errors.Join(err, report.Sum()); err != nil {
		return err
	}
	if n := report.Failed(); n > 0 {
		return fmt.Errorf("%s; what helps is below each", count(n, "failure", "failures"))
	}
	return nil
}

const doctorUsage = `letstalk doctor looks whether everything fits together.

Usage: letstalk doctor [-no-rehearsal]

Run it where Let's Talk runs, with the same configuration, and while it runs. It looks at the database, the identity
provider and the site, at the last as browsers and the provider see it, through the proxy. Then it prints a link: open it
on any device and sign in, within ten minutes. Nobody is signed in by that; it shows what the provider says about a person
and what the configuration makes of it.

Each line is ok, a warning or a failure with what helps. After a failure the exit status is 1.

  -no-rehearsal  leave out the sign-in: nobody is there
`

func examineSite(ctx context.Context, cfg config.Config, rehearse bool, report *doctor.Report) error {
	opts := doctor.Options{
		BaseURL: cfg.BaseURL, Issuer: cfg.Issuer, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
		Scopes: cfg.Scopes, Policy: cfg.Policy, Recheck: cfg.SessionRecheck, Rehearse: rehearse,
	}
	db, err := sqlstore.Open(ctx, cfg.DatabaseURL, sqlstore.Options{Existing: true})
	if err != nil {
		report.Fail("", "%s", err)
	} else {
		report.OK("The database can be opened.")
		opts.Store = db
	}
	doctor.Examine(ctx, opts, report)
	if db == nil {
		return nil
	}
	return db.Close()
}
