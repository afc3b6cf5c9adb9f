package handlers

import (
	"net/http"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// warning is how long before its end a session is said to end. The pages' script looks then.
const warning = 5 * time.Minute

// endsSoon reports whether a login is about to end; a visitor has none.
func (s *Server) endsSoon(login store.Login) bool {
	return login.ID != 0 && login.ExpiresAt.Sub(s.Now()) < warning
}

// showEnding is what a page says of its session's end, as it is now: the person may have signed in again meanwhile.
func (s *Server) showEnding(w http.ResponseWriter, r *http.Request) error {
	login, _ := auth.Viewer(r.Context())
	back := auth.SafeReturn(r.URL.Query().Get("return"))
	return s.render(w, r, http.StatusOK, views.Ending(login.ExpiresAt, back, s.endsSoon(login)))
}

// here is where a browser finds the page again that this request is answered with.
func here(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI()
	}
	if slug, err := slugOf(r); err == nil && slug != "" {
		return views.RoomURL(slug)
	}
	return views.DashboardURL()
}
