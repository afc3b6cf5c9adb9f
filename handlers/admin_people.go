package handlers

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// maxPeople is how many people a list shows.
const maxPeople = 100

// requireAdmin answers everybody but administrators as if there were no such page.
func (s *Server) requireAdmin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if login, _ := auth.Viewer(r.Context()); !login.User.Admin() {
			s.fail(w, r, errNoPage)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) showAdmin(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, views.PeopleURL(), http.StatusSeeOther)
	return nil
}

func (s *Server) listPeople(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(strings.ToValidUTF8(r.URL.Query().Get("q"), "\uFFFD"))
	users, err := s.Store.Users(r.Context(), viewer(r).ID, query, maxPeople+1)
	if err != nil {
		return err
	}
	list := views.PeopleList{Page: s.livePage(r, "People"), Query: query, Users: users}
	if len(users) > maxPeople {
		list.Users, list.More = users[:maxPeople], true
	}
	return s.render(w, r, http.StatusOK, views.PeoplePage(list))
}

func (s *Server) showPerson(w http.ResponseWriter, r *http.Request) error {
	id, err := userNumber(r)
	if err != nil {
		return err
	}
	return s.renderPerson(w, r, http.StatusOK, id, "")
}

func (s *Server) renderPerson(w http.ResponseWriter, r *http.Request, status int, id store.UserID, flash string) error {
	login, _ := auth.Viewer(r.Context())
	me := login.User.ID
	standing, err := s.Store.Standing(r.Context(), me, id)
	if errors.Is(err, store.ErrNotFound) {
		return errNoPage
	}
	if err != nil {
		return err
	}
	logins, err := s.Store.UserLogins(r.Context(), me, id)
	if err != nil {
		return err
	}
	rooms, err := s.Store.Rooms(r.Context(), me)
	if err != nil {
		return err
	}
	return s.render(w, r, status, views.PersonPage(views.Dossier{
		Page: s.livePage(r, standing.User.Identity.Name), Standing: standing, Logins: logins, This: login.ID,
		Rooms: rooms, Note: note(r), Flash: flash,
	}))
}

// personForm returns whom the request's path names, and reads the form.
func personForm(r *http.Request) (store.UserID, error) {
	id, err := userNumber(r)
	if err != nil {
		return 0, err
	}
	return id, parseForm(r)
}

func (s *Server) updatePersonActive(w http.ResponseWriter, r *http.Request) error {
	id, err := personForm(r)
	if err != nil {
		return err
	}
	active, err := yesOrNo(r, "active")
	if err != nil {
		return err
	}
	ended, err := s.Store.SetUserActive(r.Context(), viewer(r).ID, id, active)
	switch {
	case errors.Is(err, store.ErrConflict):
		return s.renderPerson(w, r, http.StatusConflict, id, "You can't lock yourself out. Another administrator can.")
	case err != nil:
		return unknownPerson(err)
	}
	s.Auth.Ended(ended...)
	return done(w, r, views.PersonURL(id), pick(active, "activated", "deactivated"))
}

func (s *Server) updatePersonAdmin(w http.ResponseWriter, r *http.Request) error {
	id, err := personForm(r)
	if err != nil {
		return err
	}
	admin, err := yesOrNo(r, "admin")
	if err != nil {
		return err
	}
	err = s.Store.SetAdmin(r.Context(), viewer(r).ID, id, admin)
	switch {
	case errors.Is(err, store.ErrConflict):
		return s.renderPerson(w, r, http.StatusConflict, id, "You can't step down yourself. Another administrator can take this from you.")
	case err != nil:
		return unknownPerson(err)
	}
	return done(w, r, views.PersonURL(id), pick(admin, "admin", "no-admin"))
}

// updatePersonRoom gives a person a role in a room by hand, or takes back what was given so.
func (s *Server) updatePersonRoom(w http.ResponseWriter, r *http.Request) error {
	id, err := personForm(r)
	if err != nil {
		return err
	}
	me := viewer(r).ID
	room, err := s.Store.Room(r.Context(), me, r.PostForm.Get("room"))
	if err != nil {
		return err
	}
	role := r.PostForm.Get("role")
	if role == views.RoleNone {
		if err := s.Store.RemoveMember(r.Context(), me, room.ID, id); err != nil {
			return unknownPerson(err)
		}
		return done(w, r, views.PersonURL(id), "taken")
	}
	if err := s.Store.SetMember(r.Context(), me, room.ID, id, store.Role(role)); err != nil {
		return unknownPerson(err)
	}
	return done(w, r, views.PersonURL(id), "given")
}

func (s *Server) deletePersonSession(w http.ResponseWriter, r *http.Request) error {
	id, err := userNumber(r)
	if err != nil {
		return err
	}
	login, err := loginNumber(r)
	if err != nil {
		return err
	}
	if err := s.endSession(r, id, login); err != nil {
		return err
	}
	return done(w, r, views.PersonURL(id), "ended")
}

func (s *Server) deletePersonSessions(w http.ResponseWriter, r *http.Request) error {
	id, err := userNumber(r)
	if err != nil {
		return err
	}
	if err := s.endSessions(r, id); err != nil {
		return err
	}
	return done(w, r, views.PersonURL(id), pick(id == viewer(r).ID, "others", "all"))
}

// unknownPerson puts right what is missing: here it is no room and no message.
func unknownPerson(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errNoPage
	}
	return err
}

func userNumber(r *http.Request) (store.UserID, error) {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, errNoPage
	}
	return store.UserID(id), nil
}

func yesOrNo(r *http.Request, field string) (bool, error) {
	switch r.PostForm.Get(field) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errMalformed
}

func pick(yes bool, one, other string) string {
	if yes {
		return one
	}
	return other
}
