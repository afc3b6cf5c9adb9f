package handlers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// confirmError means that a room wants to be surer of who enters.
type confirmError struct{ room store.Room }

func (e *confirmError) Error() string {
	return "room " + e.room.Slug + " asks for " + e.room.Demand.String()
}

// metUntil returns until when the viewer's login meets what a room asks for, or a *confirmError if it does not. Whoever
// finds a room for somebody asks it.
func (s *Server) metUntil(r *http.Request, room store.Room) (time.Time, error) {
	login, _ := auth.Viewer(r.Context())
	until := room.Demand.MetUntil(login, s.Now())
	if until.IsZero() {
		return until, &confirmError{room}
	}
	return until, nil
}

// showConfirm says why a room asks again. A page comes here when its stream ended because of that.
func (s *Server) showConfirm(w http.ResponseWriter, r *http.Request) error {
	room, err := s.Store.Room(r.Context(), viewer(r).ID, r.URL.Query().Get("room"))
	if err != nil {
		return err
	}
	back := views.RoomURL(room.Slug)
	if asked := r.URL.Query().Get("return"); asked != "" {
		back = auth.SafeReturn(asked)
	}
	if _, err := s.metUntil(r, room); err == nil {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return nil
	}
	login, _ := auth.Viewer(r.Context())
	return s.render(w, r, http.StatusOK, views.Confirm(s.livePage(r, "Confirm it's you"), room, s.whyConfirm(login, room.Demand), back))
}

// whyConfirm says what a room asks for and what there is.
func (s *Server) whyConfirm(login store.Login, d store.Demand) string {
	asks := "It asks for " + d.String() + "."
	aged := store.Demand{MaxAge: d.MaxAge}.MetUntil(login, s.Now()).IsZero()
	switch {
	case !aged:
		return asks + " You are signed in, but not in that way."
	case login.AuthAt.IsZero():
		return asks + " When you last signed in, your identity provider did not say."
	}
	return asks + " Yours was " + views.Ago(s.Now().Sub(login.AuthAt)) + "."
}

// wish is what a sign-in has to bring: what a room asks for, if one is named that the viewer may see, or what somebody wants
// to prove who is about to have a room ask for it.
func (s *Server) wish(r *http.Request) (auth.Wish, error) {
	q := r.URL.Query()
	wish := auth.Wish{Return: auth.SafeReturn(q.Get("return")), Again: q.Get("prompt") == "login"}
	login, ok := auth.Viewer(r.Context())
	slug := q.Get("room")
	switch {
	case !ok: // who it is comes first; a room asks by itself
		return wish, nil
	case slug != "":
		room, err := s.Store.Room(r.Context(), login.User.ID, slug)
		if err != nil {
			return wish, err
		}
		wish.Demand = room.Demand
	default:
		var err error
		if wish.Demand, err = demandOf(q.Get("max_age"), q.Get("acr")); err != nil {
			return wish, err
		}
	}
	// Some providers answer with the session they have, however weak. Asked anew, the person can choose.
	if (store.Demand{ACR: wish.Demand.ACR}).MetUntil(login, s.Now()).IsZero() {
		wish.Again = true
	}
	return wish, nil
}

// demandOf reads a demand from the fields of a form or an address.
func demandOf(maxAge, acr string) (store.Demand, error) {
	seconds, err := strconv.ParseInt(strings.TrimSpace(maxAge), 10, 32)
	if maxAge != "" && err != nil {
		return store.Demand{}, &store.InvalidError{Field: "max_age", Reason: "This is no number of seconds."}
	}
	return store.Demand{MaxAge: time.Duration(seconds) * time.Second, ACR: acr}.Check()
}
