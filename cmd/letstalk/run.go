package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"time"

	"letstalk/handlers"
	"letstalk/internal/auth"
	"letstalk/internal/config"
	"letstalk/internal/devidp"
	"letstalk/internal/feed"
	"letstalk/internal/live"
	"letstalk/static"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

// stopWithin is how long a stop may take: streams are told, requests finish, the database closes.
const stopWithin = 4 * time.Second

// version is set by the build (-ldflags "-X main.version=…"); without it the module's build information serves.
var version string

// run is the program. It returns when ctx ends and everything is closed, or when something keeps it from serving.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("letstalk", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { usage(stdout) }
	dev := flags.Bool("dev", false, "")
	showVersion := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return errors.New("see letstalk -h")
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

func usage(w io.Writer) {
	fmt.Fprint(w, `letstalk serves team chat.

Usage: letstalk [-dev] [-h] [-version]

  -dev      try it out on this machine: brings an identity provider with demo accounts
  -h        show this help
  -version  show the version

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

// serve opens everything, serves until ctx ends, and closes everything in the other order.
func serve(ctx context.Context, cfg config.Config, stdout io.Writer, logger *slog.Logger) (err error) {
	db, err := sqlstore.Open(ctx, cfg.DatabaseURL, sqlstore.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.EnsureRooms(ctx, cfg.Rooms); err != nil {
		return fmt.Errorf("ROOMS: %w", err)
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("can't listen on %s: %w", cfg.Listen, err)
	}
	defer listener.Close()

	handler := http.NewServeMux()
	if cfg.Dev {
		if err := addDevProvider(&cfg, listener.Addr().(*net.TCPAddr), handler, logger); err != nil {
			return err
		}
	}
	site, stopSite, err := newSite(ctx, cfg, db, logger)
	if err != nil {
		return err
	}
	handler.Handle("/", site)

	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(logWriter{logger}, "", 0),
		// No WriteTimeout: streams stay open and guard their own writes.
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "Let's Talk is at %s\n", cfg.BaseURL)

	select {
	case err = <-failed:
	case <-ctx.Done():
		logger.Info("stopping")
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	stopSite(stopping)
	if shutdown := server.Shutdown(stopping); shutdown != nil {
		_ = server.Close() // whoever is still busy has had the time
	}
	return err
}

// newSite wires the site's parts. The function it returns ends its streams and the feed.
func newSite(ctx context.Context, cfg config.Config, db store.Store, logger *slog.Logger) (http.Handler, func(context.Context), error) {
	assets, err := static.Load()
	if err != nil {
		return nil, nil, err
	}
	head, err := db.Head(ctx)
	if err != nil {
		return nil, nil, err
	}
	hub := live.New(live.Options{
		Position:   head,
		Boot:       rand.Text(),
		Head:       db.Head,
		Presence:   feed.Presence,
		LiveLogins: db.LiveLogins,
		Logger:     logger,
	})
	key := cfg.SessionKey[:]
	if cfg.Dev {
		_, _ = rand.Read(key) // the demo provider's keys are new at each start as well
	}
	identity, err := auth.New(auth.Config{
		Issuer: cfg.Issuer, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
		Scopes: cfg.Scopes, GroupsClaim: cfg.GroupsClaim,
		BaseURL: cfg.BaseURL, Key: key, Idle: cfg.SessionIdle, Lifetime: cfg.SessionLifetime,
		Address: handlers.ClientAddress,
	}, db, hub.EndLogin, logger)
	if err != nil {
		return nil, nil, err
	}

	follow := feed.New(db, hub, logger)
	following, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		follow.Run(following, head)
	}()
	site := handlers.New(handlers.Options{
		Store: db, Auth: identity, Hub: hub, Feed: follow, Assets: assets, Logger: logger,
		BaseURL: cfg.BaseURL, TrustedProxies: networks(cfg.TrustedProxies), RateLimit: cfg.RateLimit,
	})
	return site, func(stopping context.Context) {
		stopFollowing()
		<-done
		hub.Close(stopping)
	}, nil
}

// addDevProvider brings the development provider and fills in what the configuration leaves open. The provider's address
// is 127.0.0.1 and the site's localhost: two sites to a browser, as in earnest.
func addDevProvider(cfg *config.Config, addr *net.TCPAddr, mux *http.ServeMux, logger *slog.Logger) error {
	if cfg.BaseURL == nil {
		cfg.BaseURL = &url.URL{Scheme: "http", Host: fmt.Sprintf("localhost:%d", addr.Port)}
	}
	if cfg.Issuer != "" {
		return nil // -dev with a provider of one's own
	}
	cfg.Issuer = fmt.Sprintf("http://%s/dev/idp", addr)
	cfg.ClientID, cfg.ClientSecret = "letstalk", rand.Text()
	provider, err := devidp.New(devidp.Config{
		Issuer: cfg.Issuer,
		Clients: []devidp.Client{{
			ID: cfg.ClientID, Secret: cfg.ClientSecret,
			RedirectURIs:           []string{cfg.BaseURL.String() + auth.CallbackPath},
			PostLogoutRedirectURIs: []string{cfg.BaseURL.String() + "/"},
		}},
		Logger: logger,
	})
	if err != nil {
		return err
	}
	host := addr.IP.String()
	mux.Handle(host+"/dev/idp/", provider)
	// Opened under its number the site would set its cookies there, and the way back from the provider would not find
	// them.
	mux.Handle(host+"/", http.RedirectHandler(cfg.BaseURL.String(), http.StatusSeeOther))
	return nil
}

func networks(prefixes []netip.Prefix) []string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return out
}

// logWriter gives net/http's own complaints to the structured log.
type logWriter struct{ logger *slog.Logger }

func (l logWriter) Write(p []byte) (int, error) {
	l.logger.Warn("http", "message", string(p))
	return len(p), nil
}
