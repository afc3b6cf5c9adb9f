package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"letstalk/internal/config"
	"letstalk/store/sqlstore"
)

// stopWithin is how long a stop may take: streams are told, requests finish, the database closes.
const stopWithin = 4 * time.Second

// serve opens everything, serves until ctx ends, and closes everything in the other order.
func serve(ctx context.Context, cfg config.Config, stdout io.Writer, logger *slog.Logger) (err error) {
	// The port comes first: starting a second copy by mistake touches no database and leaves no new file behind.
	listener, err := listen(ctx, "LISTEN", cfg.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if cfg.DebugListen != "" {
		endDebug, err := serveDebug(ctx, cfg.DebugListen, logger)
		if err != nil {
			return err
		}
		defer endDebug()
	}
	db, err := sqlstore.Open(ctx, cfg.DatabaseURL, sqlstore.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.EnsureRooms(ctx, cfg.Rooms); err != nil {
		return fmt.Errorf("making the first rooms: %w", err)
	}

	var idp *demoProvider
	if cfg.Dev {
		if idp, err = addDemoProvider(ctx, &cfg, listener.Addr().(*net.TCPAddr), logger); err != nil {
			return err
		}
	}
	site, err := newSite(ctx, cfg, db, logger)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           idp.beside(site),
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
	if hint := idp.hint(); hint != "" {
		fmt.Fprintln(stdout, hint)
	} else {
		fmt.Fprintf(stdout, "It listens on %s.\n", listener.Addr())
	}

	behind, end := context.WithCancel(ctx)
	defer end()
	go tendMemory(behind)

	select {
	case err = <-failed:
	case <-ctx.Done():
		logger.Info("stopping")
	}
	stop(context.WithoutCancel(ctx), server, site)
	return err
}

// stop takes no more requests, tells the streams and waits for the requests under way, all at the same time: a stalled
// stream takes nothing from the time of the others.
func stop(ctx context.Context, server *http.Server, site *site) {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		site.close(ctx)
	}()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // whoever is still busy has had the time
	}
	<-closed
}

// listen opens the port of the setting of that name. Its errors are for the person who set it.
func listen(ctx context.Context, name, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s=%q: another program listens there; stop it, or set %[1]s to another port", name, address)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s=%q: this user may not take that port; set %[1]s to one from 1024 on", name, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s=%q: this machine has no such address; set %[1]s to one it has, for example 127.0.0.1:8080", name, address)
	case err != nil:
		return nil, fmt.Errorf("%s=%q: %w; set %[1]s to an address and port of this machine, for example 127.0.0.1:8080", name, address, err)
	}
	return listener, nil
}

// logWriter gives net/http's own complaints to the structured log.
type logWriter struct{ logger *slog.Logger }

func (l logWriter) Write(p []byte) (int, error) {
	l.logger.Warn("http", "message", string(bytes.TrimSpace(p)))
	return len(p), nil
}
