package handlers

import (
	"context"
	"net/http"
	"strconv"

	"letstalk/internal/auth"
	"letstalk/internal/live"
	"letstalk/store"
)

// stream adapts what finds out where a stream leads. Errors are plain text, or the script that reads the stream would
// show a page.
func (s *Server) stream(aim func(*http.Request, *live.Reader) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		login, ok := auth.Viewer(r.Context())
		if !ok {
			s.failStream(w, r, errSignedOut)
			return
		}
		reader := live.Reader{Login: login.ID, Person: login.User.Person(), Cursor: cursor(r)}
		if err := aim(r, &reader); err != nil {
			s.failStream(w, r, err)
			return
		}
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", "text/event-stream") // the answer to HEAD has an end
			return
		}
		line := lineOf(r)
		reader.Ended = func(written int64) { s.logRequest(line, http.StatusOK, written) }
		line.later = s.Hub.Serve(w, r, reader)
	}
}

// showRoomStream is the stream of a room's page.
func (s *Server) showRoomStream(r *http.Request, reader *live.Reader) error {
	room, err := s.room(r)
	if err != nil {
		return err
	}
	reader.Room = room.ID
	if room.Demand.MaxAge != 0 {
		if reader.Until, err = s.metUntil(r, room); err != nil {
			return err
		}
	}
	reader.Replay = func(ctx context.Context, after, upTo store.Seq) ([]live.Delivery, error) {
		return s.Feed.Replay(ctx, reader.Person.ID, room.ID, after, upTo)
	}
	return nil
}

// showLobbyStream is the stream of pages that are no room: it tells when the session ends.
func (s *Server) showLobbyStream(*http.Request, *live.Reader) error { return nil }

// cursor returns up to where the page is complete: a reconnect says it in Last-Event-ID, a first connect in after. What
// is no number counts as not said.
func cursor(r *http.Request) *store.Seq {
	for _, s := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")} {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
			seq := store.Seq(n)
			return &seq
		}
	}
	return nil
}
