package handlers

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// livePage is a page that is no room and keeps a stream, which tells it when the session ends.
func (s *Server) livePage(r *http.Request, title string) views.Page {
	page := s.page(r, title)
	page.Live, page.Seq = true, s.Hub.Position()
	return page
}

// notes are what pages say after something was done. The redirect that follows a form carries the key.
var notes = map[string]string{
	"ended":       "That session has ended, and the pages that were open in it have closed.",
	"others":      "All other sessions have ended, and the pages that were open in them have closed.",
	"all":         "All of their sessions have ended, and the pages that were open in them have closed.",
	"activated":   "They may sign in again.",
	"deactivated": "They are signed out everywhere and can't come back until somebody activates them.",
	"admin":       "This person is an administrator now.",
	"no-admin":    "What was given by hand has been taken back.",
	"given":       "The role has been given.",
	"taken":       "The role has been taken back.",
	"saved":       "Saved. It holds from now on, also for those who are in the room.",
}

// done sends the browser on after a form, to a page that says what happened.
func done(w http.ResponseWriter, r *http.Request, path, note string) error {
	http.Redirect(w, r, path+"?done="+note, http.StatusSeeOther)
	return nil
}

func note(r *http.Request) string { return notes[r.URL.Query().Get("done")] }

func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) error {
	login, _ := auth.Viewer(r.Context())
	logins, err := s.Store.UserLogins(r.Context(), login.User.ID, login.User.ID)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, views.Sessions(s.livePage(r, "Your sessions"), logins, login.ID, note(r)))
}

func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request) error {
	id, err := loginNumber(r)
	if err != nil {
		return err
	}
	if err := s.endSession(r, viewer(r).ID, id); err != nil {
		return err
	}
	return done(w, r, views.SessionsURL(), "ended")
}

func (s *Server) deleteOtherSessions(w http.ResponseWriter, r *http.Request) error {
	if err := s.endSessions(r, viewer(r).ID); err != nil {
		return err
	}
	return done(w, r, views.SessionsURL(), "others")
}

// endSession ends a session of a person for the viewer. One that is over already is as it should be.
func (s *Server) endSession(r *http.Request, user store.UserID, id store.LoginID) error {
	err := s.Store.EndUserLogin(r.Context(), viewer(r).ID, user, id, ending(r, user))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	s.Auth.Ended(id)
	return nil
}

// endSessions ends all sessions of a person for the viewer, but not the one that asks.
func (s *Server) endSessions(r *http.Request, user store.UserID) error {
	login, _ := auth.Viewer(r.Context())
	ended, err := s.Store.EndUserLogins(r.Context(), login.User.ID, user, login.ID, ending(r, user))
	if err != nil {
		return err
	}
	s.Auth.Ended(ended...)
	return nil
}

// ending says who ends a session of a person, and from where.
func ending(r *http.Request, user store.UserID) store.Ending {
	e := store.Ending{Cause: store.EndedByAdmin, By: viewer(r).ID, Address: ClientAddress(r)}
	if e.By == user {
		e.Cause = store.EndedByOwner
	}
	return e
}

func loginNumber(r *http.Request) (store.LoginID, error) {
	id, err := strconv.ParseInt(chi.URLParam(r, "login"), 10, 64)
	if err != nil || id <= 0 {
		return 0, errNoPage
	}
	return store.LoginID(id), nil
}
