package handlers

import (
	"errors"
	"net/http"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// moderated returns the room of the request's path for those who moderate it.
func (s *Server) moderated(r *http.Request) (store.Room, error) {
	room, err := s.room(r)
	if err == nil && !room.Moderator {
		err = store.ErrForbidden
	}
	return room, err
}

// editSettings shows what a room asks of those who enter. The address may hold another demand to begin with: that is how
// somebody comes back who has just proved that it can be met.
func (s *Server) editSettings(w http.ResponseWriter, r *http.Request) error {
	room, err := s.moderated(r)
	if err != nil {
		return err
	}
	view := s.settings(r, room, room.Demand)
	if q := r.URL.Query(); q.Has("max_age") || q.Has("acr") {
		demand, err := demandOf(q.Get("max_age"), q.Get("acr"))
		if err != nil {
			return err
		}
		view = s.settings(r, room, demand)
		if demand != room.Demand {
			view.Note = "You have signed in that way. Nothing is changed until you save."
		}
	}
	return s.render(w, r, http.StatusOK, views.RoomSettings(view))
}

func (s *Server) updateSettings(w http.ResponseWriter, r *http.Request) error {
	room, err := s.moderated(r)
	if err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	demand, err := demandOf(r.PostForm.Get("max_age"), r.PostForm.Get("acr"))
	view := s.settings(r, room, demand)
	var invalid *store.InvalidError
	switch {
	case errors.As(err, &invalid):
		view.Field, view.Flash = invalid.Field, invalid.Reason
	case err != nil:
		return err
	case demand.MetUntil(view.Login, s.Now()).IsZero():
		// A way of signing in that the provider does not have would close the room to everybody, for good.
		view.Flash = "Your own sign-in does not meet this. Show first that it can be met: then nobody is locked out by a slip of the pen."
		view.Prove = true
	default:
		if err := s.Store.SetDemand(r.Context(), viewer(r).ID, room.ID, demand); err != nil {
			return err
		}
		return done(w, r, views.SettingsURL(room.Slug), "saved")
	}
	return s.render(w, r, http.StatusUnprocessableEntity, views.RoomSettings(view))
}

func (s *Server) settings(r *http.Request, room store.Room, d store.Demand) views.Settings {
	login, _ := auth.Viewer(r.Context())
	return views.Settings{Page: s.livePage(r, "Settings of "+room.Name), Room: room, Login: login, MaxAge: d.MaxAge, ACR: d.ACR, Note: note(r)}
}
