package handlers

import (
	"errors"
	"net/http"

	"letstalk/internal/auth"
	"letstalk/views"
)

func (s *Server) showHome(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, views.Home(s.page(r, "Home")))
}

// showMe is the style sheet of what is the viewer's own. Its address holds the person's id, so a browser may keep it.
func (s *Server) showMe(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	login, ok := auth.Viewer(r.Context())
	if !ok {
		return nil
	}
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write([]byte(views.MeCSS(login.User.ID)))
	return nil
}

func (s *Server) showPleaseLogIn(w http.ResponseWriter, r *http.Request) error {
	back := auth.SafeReturn(r.URL.Query().Get("return"))
	if _, ok := auth.Viewer(r.Context()); ok {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return nil
	}
	return s.render(w, r, http.StatusOK, views.PleaseLogIn(s.page(r, "Please log in"), back))
}

func (s *Server) createLogin(w http.ResponseWriter, r *http.Request) error {
	if err := s.limited(w, r, s.logins, addressKey(r)); err != nil {
		return err
	}
	wish, err := s.wish(r)
	if err != nil {
		return err
	}
	location, err := s.Auth.Begin(w, r, wish)
	if err != nil {
		return err
	}
	http.Redirect(w, r, location, http.StatusFound)
	return nil
}

func (s *Server) finishLogin(w http.ResponseWriter, r *http.Request) error {
	if err := s.limited(w, r, s.logins, "callback "+addressKey(r)); err != nil {
		return err
	}
	back, err := s.Auth.Finish(w, r)
	if errors.Is(err, auth.ErrRehearsed) {
		return s.render(w, r, http.StatusOK, views.Rehearsed(s.page(r, "Done")))
	}
	if _, ok := auth.Viewer(r.Context()); ok && errors.Is(err, auth.ErrStale) {
		back, err = views.DashboardURL(), nil // this sign-in was finished before: somebody went back to it or reloaded
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}

// deleteProviderLogins takes the provider's word that somebody has signed out there. The provider is no browser: its answer
// is a status, and whatever is wrong with a token is 400 (OpenID Connect Back-Channel Logout 1.0, 2.8).
func (s *Server) deleteProviderLogins(w http.ResponseWriter, r *http.Request) error {
	if err := s.limited(w, r, s.logouts, addressKey(r)); err != nil {
		return err
	}
	return s.Auth.BackchannelLogout(r)
}

func (s *Server) deleteLogin(w http.ResponseWriter, r *http.Request) error {
	location, err := s.Auth.SignOut(w, r)
	if err != nil {
		return err
	}
	http.Redirect(w, r, location, http.StatusSeeOther)
	return nil
}
