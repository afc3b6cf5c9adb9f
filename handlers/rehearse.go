package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

// The rehearsal's stream has a few frames that far apart: whoever reads it sees whether they arrive like that.
const (
	rehearsalFrames = 3
	rehearsalPause  = time.Second
)

// newRehearsal begins a sign-in that makes no login, for whoever was given the ticket.
func (s *Server) newRehearsal(w http.ResponseWriter, r *http.Request) error {
	if err := s.limited(w, r, s.logins, addressKey(r)); err != nil {
		return err
	}
	kept, err := s.rehearsal(r.Context(), r.URL.Query().Get("ticket"))
	if err != nil {
		return err
	}
	location, err := s.Auth.Begin(w, r, auth.Wish{Rehearsal: kept})
	if err != nil {
		return err
	}
	http.Redirect(w, r, location, http.StatusFound)
	return nil
}

// rehearsal returns a ticket as the store has it, if nobody has used it yet.
func (s *Server) rehearsal(ctx context.Context, ticket string) (kept string, err error) {
	kept = auth.KeptRehearsal(ticket)
	outcome, err := s.Store.Rehearsal(ctx, kept)
	if err == nil && outcome != "" {
		err = store.ErrNotFound
	}
	return kept, err
}

// orRehearsal answers requests with the ticket of a rehearsal, at the address of a stream because what stands in front of
// the site may treat those in a way of its own.
func (s *Server) orRehearsal(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("rehearsal") {
			next(w, r)
			return
		}
		if err := s.showRehearsalStream(w, r); err != nil {
			s.failStream(w, r, err)
		}
	}
}

// showRehearsalStream sends a few frames. They say from which address the site is asked.
func (s *Server) showRehearsalStream(w http.ResponseWriter, r *http.Request) error {
	if err := s.limited(w, r, s.logins, addressKey(r)); err != nil {
		return err
	}
	if _, err := s.rehearsal(r.Context(), r.URL.Query().Get("rehearsal")); err != nil {
		return err
	}
	data, err := json.Marshal(map[string]string{"address": ClientAddress(r)})
	if err != nil {
		return err
	}
	// As on other streams; see package live.
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	pause := time.NewTicker(rehearsalPause)
	defer pause.Stop()
	for n := range rehearsalFrames {
		if n > 0 {
			select {
			case <-pause.C:
			case <-r.Context().Done():
				return nil
			}
		}
		if _, err := fmt.Fprintf(w, "event: rehearsal\ndata: %s\n\n", data); err != nil {
			return nil // nobody reads any more
		}
		if err := out.Flush(); err != nil {
			return nil
		}
	}
	return nil
}
