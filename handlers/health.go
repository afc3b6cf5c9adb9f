package handlers

import (
	"context"
	"net/http"
	"time"
)

// showHealth says that the process is up.
func (s *Server) showHealth(w http.ResponseWriter, _ *http.Request) error {
	_, _ = w.Write([]byte("ok\n"))
	return nil
}

// showReadiness says whether requests can be served: the store answers. A bus that does not is told of, but takes no node
// away: they work without it, only slower.
func (s *Server) showReadiness(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		s.Logger.ErrorContext(r.Context(), "store does not answer", "error", err)
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return nil
	}
	answer := "ok\n"
	if s.Bus.Ping(ctx) != nil {
		answer = "ok, but NATS does not answer: what happens on other nodes shows up to a second late\n"
	}
	_, _ = w.Write([]byte(answer))
	return nil
}
