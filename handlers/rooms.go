package handlers

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"letstalk/internal/live"
	"letstalk/store"
	"letstalk/views"
)

func (s *Server) listRooms(w http.ResponseWriter, r *http.Request) error {
	seq := s.Hub.Position() // before the rooms are read: what changes meanwhile comes by the stream
	rooms, err := s.Store.Rooms(r.Context(), viewer(r).ID)
	if err != nil {
		return err
	}
	page := s.page(r, "Rooms")
	page.Live = true
	return s.render(w, r, http.StatusOK, views.Dashboard(page, s.entrances(r, rooms), seq))
}

// entrances shows of each room what the viewer may know before going in.
func (s *Server) entrances(r *http.Request, rooms []store.RoomSummary) []views.Entrance {
	entrances := make([]views.Entrance, len(rooms))
	for i, room := range rooms {
		entrances[i].RoomSummary = room
		if _, err := s.metUntil(r, room.Room); err != nil {
			entrances[i].Last, entrances[i].Asks = store.Message{}, true
		}
	}
	return entrances
}

func (s *Server) showRoom(w http.ResponseWriter, r *http.Request) error {
	slug, err := slugOf(r)
	if err != nil {
		return err
	}
	room, err := s.Store.RoomState(r.Context(), viewer(r).ID, slug)
	if err != nil {
		return err
	}
	if room.Slug != chi.URLParam(r, "room") {
		http.Redirect(w, r, views.RoomURL(room.Slug)+query(r.URL.RawQuery), http.StatusSeeOther)
		return nil
	}
	if _, err := s.metUntil(r, room.Room); err != nil {
		return err
	}
	page, err := pageOf(r)
	switch {
	case err != nil:
		return err
	case page == store.Page{}:
		return s.renderNewest(w, r, room)
	}
	return s.renderRoom(w, r, http.StatusOK, room.Room, page, views.Composer{})
}

func query(raw string) string {
	if raw == "" {
		return ""
	}
	return "?" + raw
}

// renderRoom draws a room: as a page, or as more messages for a page that has some.
func (s *Server) renderRoom(w http.ResponseWriter, r *http.Request, status int, room store.Room, page store.Page, composer views.Composer) error {
	history, err := s.Store.Messages(r.Context(), viewer(r).ID, room.ID, page)
	if err != nil {
		return err
	}
	view := views.Room{Room: room, History: history, Anchor: page.Around, Composer: composer}
	switch {
	case wantsFragment(r) && page.Before != 0:
		return s.render(w, r, status, views.OlderMessages(view))
	case wantsFragment(r) && page.After != 0:
		return s.render(w, r, status, views.NewerMessages(view))
	}
	if len(history.Messages) == 0 && (history.Older || history.Newer) {
		// Beyond either end there is nothing to show and nowhere to go on.
		http.Redirect(w, r, views.RoomURL(room.Slug), http.StatusSeeOther)
		return nil
	}
	if view, err = s.surround(r, view); err != nil {
		return err
	}
	return s.render(w, r, status, views.RoomPage(view))
}

// renderNewest draws a room at its end, as most requests want it, from a list of messages that is drawn once for all.
func (s *Server) renderNewest(w http.ResponseWriter, r *http.Request, room store.RoomState) error {
	list, err := s.lists.newest(r.Context(), s.Store, viewer(r).ID, room)
	if err != nil {
		return err
	}
	view, err := s.surround(r, views.Room{Room: room.Room, History: list.history, Apart: true})
	if err != nil {
		return err
	}
	return s.renderAround(w, r, list, views.RoomPage(view))
}

// surround adds what is around the messages of a room's page.
func (s *Server) surround(r *http.Request, view views.Room) (views.Room, error) {
	me := viewer(r)
	var err error
	view.Page = s.page(r, view.Room.Name)
	view.Live = true
	view.Listed = s.Hub.Position() // before the rooms are read: of what changes from here on the stream tells
	view.Rooms, err = s.rooms.Get(me.ID, func() ([]store.RoomSummary, error) { return s.Store.Rooms(r.Context(), me.ID) })
	view.Composer.Nonce = rand.Text()
	// By the time this is read, the viewer is there; and by no other name than today's.
	view.People = slices.DeleteFunc(slices.Clone(s.Hub.People(view.Room.ID)), func(p store.Person) bool { return p.ID == me.ID })
	at, _ := slices.BinarySearchFunc(view.People, me, live.ByName)
	view.People = slices.Insert(view.People, at, me)
	return view, err
}

// room returns the room of the request's path, found through the viewer's right to see it, and to be let in now.
func (s *Server) room(r *http.Request) (store.Room, error) {
	slug, err := slugOf(r)
	if err != nil {
		return store.Room{}, err
	}
	me := viewer(r).ID
	room, err := s.visible.Get(sight{me, slug}, func() (store.Room, error) { return s.Store.Room(r.Context(), me, slug) })
	if err != nil {
		return store.Room{}, err
	}
	_, err = s.metUntil(r, room)
	return room, err
}

// sight is what somebody sees of a room.
type sight struct {
	viewer store.UserID
	slug   string
}

func slugOf(r *http.Request) (string, error) {
	slug, err := url.PathUnescape(chi.URLParam(r, "room"))
	if err != nil {
		return "", store.ErrNotFound
	}
	return slug, nil
}

// pageOf reads which part of the history is asked for.
func pageOf(r *http.Request) (store.Page, error) {
	var page store.Page
	var err error
	if page.Before, err = messageNumber(r.URL.Query().Get("before")); err != nil {
		return page, err
	}
	page.After, err = messageNumber(r.URL.Query().Get("after"))
	if page.Before != 0 && page.After != 0 {
		return page, errMalformed
	}
	return page, err
}

// messageNumber parses a message's id; none is zero.
func messageNumber(s string) (store.MessageID, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, store.ErrNotFound
	}
	return store.MessageID(n), nil
}
