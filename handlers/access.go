package handlers

import (
	"net/http"

	"letstalk/views"
)

// showAccess tells people what they may do and why.
func (s *Server) showAccess(w http.ResponseWriter, r *http.Request) error {
	me := viewer(r).ID
	standing, err := s.Store.Standing(r.Context(), me, me)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, views.Access(s.livePage(r, "Why am I here"), standing))
}
