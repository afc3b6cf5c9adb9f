package handlers

import (
	"context"
	"net/http"
	"strconv"

	"letstalk/internal/auth"
	"letstalk/internal/live"
	"letstalk/store"
)

// showRoomStream is the stream of a room's page. Its errors are plain text: no page is ever the answer, or the script
// that reads the stream would show it.
func (s *Server) showRoomStream(w http.ResponseWriter, r *http.Request) error {
	return s.stream(w, r, func(reader *live.Reader) error {
		room, err := s.room(r)
		if err != nil {
			return err
		}
		reader.Room = room.ID
		reader.Replay = func(ctx context.Context, after, upTo store.Seq) ([]live.Delivery, error) {
			return s.Feed.Replay(ctx, reader.Person.ID, room.ID, after, upTo)
		}
		return nil
	})
}

// showLobbyStream is the stream of pages that are no room: it tells when the session ends.
func (s *Server) showLobbyStream(w http.ResponseWriter, r *http.Request) error {
	return s.stream(w, r, func(*live.Reader) error { return nil })
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, aim func(*live.Reader) error) error {
	w.Header().Set("Cache-Control", "no-store")
	login, ok := auth.Viewer(r.Context())
	if !ok {
		http.Error(w, "Please log in.", http.StatusUnauthorized)
		return nil
	}
	reader := live.Reader{Login: login.ID, Person: login.User.Person(), Cursor: cursor(r)}
	if err := aim(&reader); err != nil {
		problem := problemOf(r, err)
		if problem.Status >= 500 {
			s.Logger.ErrorContext(r.Context(), "stream failed", "id", requestID(w), "error", err)
		}
		http.Error(w, problem.Title+".", problem.Status)
		return nil
	}
	s.Hub.Serve(w, r, reader)
	return nil
}

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
