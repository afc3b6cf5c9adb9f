package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"letstalk/store"
	"letstalk/views"
)

// auditPage is how many entries of the audit log a page shows.
const auditPage = 50

func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) error {
	me := viewer(r).ID
	rooms, err := s.Store.Rooms(r.Context(), me)
	if err != nil {
		return err
	}
	log := views.AuditLog{Page: s.livePage(r, "Audit log"), Rooms: rooms, Filter: auditFilter(r)}
	query, err := s.auditQuery(r, &log)
	var invalid *store.InvalidError
	switch {
	case errors.As(err, &invalid):
		log.Field, log.Flash = invalid.Field, invalid.Reason
		return s.render(w, r, http.StatusUnprocessableEntity, views.AuditPage(log))
	case err != nil:
		return err
	case len(log.Others) > 0:
		return s.render(w, r, http.StatusOK, views.AuditPage(log))
	}
	query.Limit = auditPage + 1
	if log.Entries, err = s.Store.AuditEntries(r.Context(), me, query); err != nil {
		return err
	}
	if len(log.Entries) > auditPage {
		log.Entries = log.Entries[:auditPage]
		log.Next = log.Entries[auditPage-1].ID
	}
	return s.render(w, r, http.StatusOK, views.AuditPage(log))
}

// auditFilter reads the form as it was sent; what is no number counts as not said.
func auditFilter(r *http.Request) views.AuditFilter {
	q := r.URL.Query()
	number := func(name string) int64 {
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	f := views.AuditFilter{
		Person: strings.TrimSpace(strings.ToValidUTF8(q.Get("person"), "\uFFFD")),
		Room:   store.RoomID(number("room")),
		From:   q.Get("from"), To: q.Get("to"), Before: number("before"),
	}
	if kind := store.AuditKind(q.Get("kind")); slices.Contains(store.AuditKinds, kind) {
		f.Kind = kind
	}
	return f
}

// auditQuery asks for what the filter says, or returns an *InvalidError. It completes the filter by whom it means; if that
// may be several people, it lists them.
func (s *Server) auditQuery(r *http.Request, log *views.AuditLog) (store.AuditQuery, error) {
	f := &log.Filter
	query := store.AuditQuery{Kind: f.Kind, Room: f.Room, Before: f.Before}
	var err error
	if query.From, err = day(f.From, "from"); err != nil {
		return query, err
	}
	if query.To, err = day(f.To, "to"); err != nil {
		return query, err
	}
	if !query.To.IsZero() {
		if query.To.Before(query.From) {
			return query, &store.InvalidError{Field: "to", Reason: "This is before the first day."}
		}
		query.To = query.To.AddDate(0, 0, 1) // the day itself is meant, too
	}
	if f.Person == "" {
		return query, nil
	}
	people, err := s.meant(r, f.Person)
	switch {
	case err != nil:
		return query, err
	case len(people) == 0:
		return query, &store.InvalidError{Field: "person", Reason: "Nobody's name or e-mail has that in it."}
	case len(people) > 1:
		log.Others = people
		return query, nil
	}
	f.User, f.Person = people[0].Person(), ""
	query.User = f.User.ID
	return query, nil
}

// meant returns whom a number or some text may mean.
func (s *Server) meant(r *http.Request, person string) ([]store.User, error) {
	if id, err := strconv.ParseInt(person, 10, 64); err == nil {
		user, err := s.Store.User(r.Context(), store.UserID(id))
		switch {
		case err == nil:
			return []store.User{user}, nil
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	return s.Store.Users(r.Context(), viewer(r).ID, person, 10)
}

// day reads the day a form names, in UTC.
func day(text, field string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, &store.InvalidError{Field: field, Reason: "This is no day. Write it like 2025-11-28."}
	}
	return t, nil
}
