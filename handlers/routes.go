package handlers

import (
	"cmp"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// routes is every route of the site on one screen.
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.clientIP(), s.logRequests, s.recoverPanics, s.secureHeaders, s.sameOrigin, limitBody, middleware.GetHead)
	identify := s.Auth.Identify(s.fail)
	r.NotFound(noStore(identify(s.handle(s.notFound))).ServeHTTP)
	r.MethodNotAllowed(noStore(identify(s.handle(s.methodNotAllowed))).ServeHTTP)

	r.Get("/healthz", s.handle(s.showHealth))
	r.Get("/readyz", s.handle(s.showReadiness))
	r.Get("/static/{hash}/*", s.Assets.ServeHTTP)
	r.With(noStore).Post("/users/backchannel-logout", s.backchannel(s.deleteProviderLogins))

	r.Group(func(r chi.Router) {
		// Streams are neither compressed nor buffered, and no page is ever their answer.
		r.Use(noStore, s.Auth.Identify(s.failStream))

		r.Get("/events", s.orRehearsal(s.stream(s.showLobbyStream)))
		r.Get("/chat/{room}/events", s.stream(s.showRoomStream))
	})

	r.Group(func(r chi.Router) {
		r.Use(readEncodings, middleware.Compress(5, "text/html", "text/css"), noStore, identify)

		r.Get("/", s.handle(s.showHome))
		r.Get("/me.css", s.handle(s.showMe))
		r.Get("/account/login", s.handle(s.showPleaseLogIn))
		r.Get("/users/login", s.handle(s.createLogin))
		r.Get("/users/rehearse", s.handle(s.newRehearsal))
		r.Get("/authorization-code/callback", s.handle(s.finishLogin))
		r.Post("/users/logout", s.handle(s.deleteLogin))

		r.Group(func(r chi.Router) {
			r.Use(s.requireLogin)

			r.Get("/account/ending", s.handle(s.showEnding))
			r.Get("/account/sessions", s.handle(s.listSessions))
			r.Post("/account/sessions/{login}/end", s.handle(s.deleteSession))
			r.Post("/account/sessions/end-others", s.handle(s.deleteOtherSessions))
			r.Get("/account/access", s.handle(s.showAccess))
			r.Get("/account/confirm", s.handle(s.showConfirm))
			r.Get("/dashboard", s.handle(s.listRooms))
			r.Get("/chat/{room}", s.handle(s.showRoom))
			r.Post("/chat/{room}/messages", s.handle(s.createMessage))
			r.Get("/chat/{room}/messages/{id}", s.handle(s.showMessage))
			r.Get("/chat/{room}/messages/{id}/edit", s.handle(s.editMessage))
			r.Post("/chat/{room}/messages/{id}/edit", s.handle(s.updateMessage))
			r.Get("/chat/{room}/messages/{id}/delete", s.handle(s.confirmDelete))
			r.Post("/chat/{room}/messages/{id}/delete", s.handle(s.deleteMessage))
			r.Get("/chat/{room}/settings", s.handle(s.editSettings))
			r.Post("/chat/{room}/settings", s.handle(s.updateSettings))

			r.Group(func(r chi.Router) {
				r.Use(s.requireAdmin)

				r.Get("/admin", s.handle(s.showAdmin))
				r.Get("/admin/people", s.handle(s.listPeople))
				r.Get("/admin/people/{id}", s.handle(s.showPerson))
				r.Post("/admin/people/{id}/active", s.handle(s.updatePersonActive))
				r.Post("/admin/people/{id}/admin", s.handle(s.updatePersonAdmin))
				r.Post("/admin/people/{id}/rooms", s.handle(s.updatePersonRoom))
				r.Post("/admin/people/{id}/sessions/{login}/end", s.handle(s.deletePersonSession))
				r.Post("/admin/people/{id}/sessions/end", s.handle(s.deletePersonSessions))
				r.Get("/admin/rules", s.handle(s.showRules))
				r.Post("/admin/rules", s.handle(s.tryRules))
				r.Get("/admin/audit", s.handle(s.listAudit))
			})
		})
	})
	return r
}

func (s *Server) notFound(http.ResponseWriter, *http.Request) error { return errNoPage }

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) error {
	path := cmp.Or(r.URL.RawPath, r.URL.Path) // as the router looks at it
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if chi.RouteContext(r.Context()).Routes.Match(chi.NewRouteContext(), method, path) {
			w.Header().Add("Allow", method)
		}
	}
	return errMethod
}
