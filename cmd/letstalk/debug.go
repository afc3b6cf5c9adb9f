package main

import (
	"context"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"letstalk/internal/auth"
)

// serveDebug answers Go's profiles at an address of this machine until the function it returns is called.
func serveDebug(ctx context.Context, address string, logger *slog.Logger) (end func(), err error) {
	listener, err := listen(ctx, "DEBUG_LISTEN", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{
		Handler:           toThisMachine(mux),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(logWriter{logger}, "", 0),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // until it is closed
	}()
	logger.Info("profiles are served", "at", "http://"+listener.Addr().String()+"/debug/pprof/")
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}

// toThisMachine refuses requests under another name: a web page whose name was turned to 127.0.0.1 while it is open could
// read along.
func toThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err != nil || !auth.IsLoopback(host) {
			http.Error(w, "This is for requests from this machine, by its address.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
