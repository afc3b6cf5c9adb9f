package views

import (
	"net/url"

	"letstalk/store"
)

// URLs of the site, so that no other file spells one out. Each returns a path that starts with one slash.

// HomeURL is the page that says what this is.
func HomeURL() string { return "/" }

// DashboardURL is the list of rooms.
func DashboardURL() string { return "/dashboard" }

// PleaseLogInURL is the page that asks a visitor to log in and brings them back to a path.
func PleaseLogInURL(back string) string { return "/account/login" + returnQuery(back) }

// LogInURL starts the sign-in at the identity provider.
func LogInURL(back string) string { return "/users/login" + returnQuery(back) }

// AgainURL starts a sign-in at which the provider asks the person anew, and brings them back to a path.
func AgainURL(back string) string {
	return "/users/login?" + url.Values{"return": {back}, "prompt": {"login"}}.Encode()
}

// LogOutURL takes the form that ends the session.
func LogOutURL() string { return "/users/logout" }

// EndingURL is the fragment that tells when the session ends; see [Ending].
func EndingURL() string { return "/account/ending" }

// ConfirmURL is the page that says why a room asks once more who somebody is, and leads back to a path from there.
func ConfirmURL(slug, back string) string {
	return "/account/confirm?" + url.Values{"room": {slug}, "return": {back}}.Encode()
}

// BackchannelLogoutURL is where the provider says that somebody has signed out there.
func BackchannelLogoutURL() string { return "/users/backchannel-logout" }

// RehearseURL begins a sign-in that makes no login. The ticket is in the query, which no log of ours has.
func RehearseURL(ticket string) string { return "/users/rehearse?ticket=" + url.QueryEscape(ticket) }

// RehearsalStreamURL is a short stream that shows whether streams arrive as they are sent.
func RehearsalStreamURL(ticket string) string { return "/events?rehearsal=" + url.QueryEscape(ticket) }

// MeURL is the style sheet of what is the viewer's own; see [MeCSS]. The id in it keeps browsers from using the sheet of
// whoever was signed in before.
func MeURL(id store.UserID) string { return "/me.css?" + decimal(id) }

// RoomURL is a room.
func RoomURL(slug string) string { return "/chat/" + url.PathEscape(slug) }

// OlderURL is the part of a room before a message.
func OlderURL(slug string, before store.MessageID) string {
	return RoomURL(slug) + "?before=" + decimal(before)
}

// NewerURL is the part of a room after a message.
func NewerURL(slug string, after store.MessageID) string {
	return RoomURL(slug) + "?after=" + decimal(after)
}

// MessagesURL takes new messages.
func MessagesURL(slug string) string { return RoomURL(slug) + "/messages" }

// PermalinkURL is the room around a message, scrolled to it.
func PermalinkURL(slug string, id store.MessageID) string {
	return MessageURL(slug, id) + "#" + messageID(id)
}

// MessageURL is the page of the room around a message.
func MessageURL(slug string, id store.MessageID) string {
	return MessagesURL(slug) + "/" + decimal(id)
}

// PostedURL is the room with a message in view: where a plain form leads after posting.
func PostedURL(slug string, id store.MessageID) string { return RoomURL(slug) + "#" + messageID(id) }

// EditURL shows (GET) and takes (POST) a message's new text.
func EditURL(slug string, id store.MessageID) string { return MessageURL(slug, id) + "/edit" }

// DeleteURL asks (GET) and does (POST) the taking back of a message.
func DeleteURL(slug string, id store.MessageID) string { return MessageURL(slug, id) + "/delete" }

// StreamURL is a room's stream, from a change number on.
func StreamURL(slug string, after store.Seq) string {
	return RoomURL(slug) + "/events?after=" + decimal(after)
}

// LobbyStreamURL is the stream of pages that are no room.
func LobbyStreamURL(after store.Seq) string { return "/events?after=" + decimal(after) }

func returnQuery(back string) string {
	if back == "" {
		return ""
	}
	return "?return=" + url.QueryEscape(back)
}
