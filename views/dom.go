package views

import (
	"strconv"

	"letstalk/store"
)

// The element ids that fragments, scripts and tests aim at.
const (
	idMessages = "messages" // the list that ends with the newest message and grows live
	idHistory  = "history"  // the list when it shows an older part: live messages find no target
	idOlder    = "older"
	idNewer    = "newer"
	idPeople   = "people"
	idPanel    = "people-panel"
	idHere     = "here"
	idFlash    = "flash"
	idEnding   = "ending"
	idLogOut   = "log-out"
)

func target(id string) string { return "#" + id }

func messageID(id store.MessageID) string { return "m-" + decimal(id) }

func editorID(id store.MessageID) string { return "e-" + decimal(id) }

func decimal[N ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// listID names the list of messages by whether live ones belong in it.
func (r Room) listID() string {
	if r.AtEnd() {
		return idMessages
	}
	return idHistory
}
