package handlers

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"letstalk/store"
	"letstalk/views"
)

func (s *Server) createMessage(w http.ResponseWriter, r *http.Request) error {
	room, err := s.room(r)
	if err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	message, err := s.post(w, r, room)
	switch {
	case err != nil && !isHTMX(r) && keepsDraft(err):
		problem := problemOf(r, err)
		return s.renderRoom(w, r, problem.Status, room, store.Page{}, views.Composer{Draft: draft(r), Flash: problem.Text})
	case err != nil:
		return err
	case isHTMX(r):
		return s.render(w, r, http.StatusOK, views.MessageSaved(room.Slug, message))
	}
	http.Redirect(w, r, views.PostedURL(room.Slug, message.ID), http.StatusSeeOther)
	return nil
}

// post stores the form's message. A nonce that already stands for other words (a page from before, gone back to) is
// replaced by one derived from both, so that repeating that post is still posting once.
func (s *Server) post(w http.ResponseWriter, r *http.Request, room store.Room) (store.Message, error) {
	if err := s.limited(w, r, s.posts, personKey(r)); err != nil {
		return store.Message{}, err
	}
	d := store.Draft{Body: r.PostForm.Get("body"), Nonce: r.PostForm.Get("nonce")}
	if d.Nonce == "" {
		d.Nonce = rand.Text()
	}
	message, err := s.Store.CreateMessage(r.Context(), viewer(r).ID, room.ID, d)
	if errors.Is(err, store.ErrConflict) {
		sum := sha256.Sum256([]byte(room.Slug + "\x00" + d.Nonce + "\x00" + d.Body))
		d.Nonce = hex.EncodeToString(sum[:])
		message, err = s.Store.CreateMessage(r.Context(), viewer(r).ID, room.ID, d)
	}
	return message, err
}

// keepsDraft reports whether the writer can do something about the error in the composer itself.
func keepsDraft(err error) bool {
	var invalid *store.InvalidError
	return errors.As(err, &invalid) || errors.Is(err, errTooFast)
}

// parseForm reads a form in either encoding. Ours are multipart: in the other one each byte of a letter beyond ASCII is
// three, and a message of the greatest length would not get through.
func parseForm(r *http.Request) error {
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(maxRequestBody)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, http.ErrNotMultipart):
		return nil
	case errors.As(err, &tooLarge):
		return err
	}
	return errMalformed
}

// showMessage is the permalink: the room around that message.
func (s *Server) showMessage(w http.ResponseWriter, r *http.Request) error {
	room, id, err := s.place(r)
	if err != nil {
		return err
	}
	return s.renderRoom(w, r, http.StatusOK, room, store.Page{Around: id}, views.Composer{})
}

func (s *Server) editMessage(w http.ResponseWriter, r *http.Request) error {
	room, message, err := s.changeable(r, false)
	if err != nil {
		return err
	}
	if wantsFragment(r) {
		return s.render(w, r, http.StatusOK, views.Editor(room.Slug, message, message.Body, ""))
	}
	return s.render(w, r, http.StatusOK, views.EditPage(s.page(r, "Edit"), room.Slug, message, message.Body, ""))
}

func (s *Server) updateMessage(w http.ResponseWriter, r *http.Request) error {
	room, message, err := s.message(r)
	if err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	saved, err := s.Store.EditMessage(r.Context(), viewer(r).ID, room.ID, message.ID, r.PostForm.Get("body"))
	var invalid *store.InvalidError
	switch {
	case errors.As(err, &invalid) && wantsFragment(r):
		return s.render(w, r, http.StatusUnprocessableEntity, views.EditorOpened(room.Slug, message, draft(r), invalid.Reason))
	case errors.As(err, &invalid):
		return s.render(w, r, http.StatusUnprocessableEntity, views.EditPage(s.page(r, "Edit"), room.Slug, message, draft(r), invalid.Reason))
	case err != nil:
		return err
	}
	return s.changed(w, r, room, saved)
}

func (s *Server) confirmDelete(w http.ResponseWriter, r *http.Request) error {
	room, message, err := s.changeable(r, true)
	if err != nil {
		return err
	}
	if wantsFragment(r) {
		return s.render(w, r, http.StatusOK, views.Remover(room.Slug, message, message.Author.ID == viewer(r).ID))
	}
	return s.render(w, r, http.StatusOK, views.DeletePage(s.page(r, "Delete"), room.Slug, message))
}

func (s *Server) deleteMessage(w http.ResponseWriter, r *http.Request) error {
	room, id, err := s.place(r)
	if err != nil {
		return err
	}
	gone, err := s.Store.DeleteMessage(r.Context(), viewer(r).ID, room.ID, id)
	if err != nil {
		return err
	}
	return s.changed(w, r, room, gone)
}

// changed answers a form that changed a message.
func (s *Server) changed(w http.ResponseWriter, r *http.Request, room store.Room, m store.Message) error {
	if isHTMX(r) {
		return s.render(w, r, http.StatusOK, views.MessageChanged(room.Slug, m), views.EditorClosed(m))
	}
	http.Redirect(w, r, views.PermalinkURL(room.Slug, m.ID), http.StatusSeeOther)
	return nil
}

// place returns the room of the request's path and the message's id in it; whether there is such a message, the store
// tells when it is asked for it.
func (s *Server) place(r *http.Request) (store.Room, store.MessageID, error) {
	room, err := s.room(r)
	if err != nil {
		return room, 0, err
	}
	id, err := messageNumber(chi.URLParam(r, "id"))
	return room, id, err
}

// message returns the room and the message of the request's path.
func (s *Server) message(r *http.Request) (store.Room, store.Message, error) {
	room, id, err := s.place(r)
	if err != nil {
		return room, store.Message{}, err
	}
	m, err := s.Store.Message(r.Context(), viewer(r).ID, room.ID, id)
	return room, m, err
}

// changeable is message for the forms that change it. They are for its author; the room's moderators may delete it, too. The
// store checks again on each post.
func (s *Server) changeable(r *http.Request, deleting bool) (store.Room, store.Message, error) {
	room, m, err := s.message(r)
	switch {
	case err != nil:
		return room, m, err
	case m.Deleted():
		return room, m, store.ErrConflict
	case m.Author.ID != viewer(r).ID && !(deleting && room.Moderator):
		return room, m, store.ErrForbidden
	}
	return room, m, nil
}
