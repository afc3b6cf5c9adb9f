package views

import (
	"net/url"
	"strconv"
	"time"

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

// StepUpURL starts a sign-in that meets what a room asks for.
func StepUpURL(slug, back string) string {
	return "/users/login?" + url.Values{"room": {slug}, "return": {back}}.Encode()
}

// ProveURL starts a sign-in that meets a demand, before a room asks for it.
func ProveURL(d store.Demand, back string) string {
	return "/users/login?" + demandQuery(d, url.Values{"return": {back}}).Encode()
}

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

// SessionsURL is where somebody is signed in.
func SessionsURL() string { return "/account/sessions" }

// EndSessionURL takes the form that ends one of the viewer's sessions.
func EndSessionURL(id store.LoginID) string { return SessionsURL() + "/" + decimal(id) + "/end" }

// EndOtherSessionsURL takes the form that ends all of the viewer's sessions but this one.
func EndOtherSessionsURL() string { return SessionsURL() + "/end-others" }

// AccessURL is what somebody may do and why.
func AccessURL() string { return "/account/access" }

// AdminURL leads administrators to their pages.
func AdminURL() string { return "/admin" }

// PeopleURL is the list of people.
func PeopleURL() string { return AdminURL() + "/people" }

// PersonURL is a person, as administrators see them.
func PersonURL(id store.UserID) string { return PeopleURL() + "/" + decimal(id) }

// PersonActiveURL takes the form that locks a person out or lets them in.
func PersonActiveURL(id store.UserID) string { return PersonURL(id) + "/active" }

// PersonAdminURL takes the form that makes a person an administrator or no longer.
func PersonAdminURL(id store.UserID) string { return PersonURL(id) + "/admin" }

// PersonRoomsURL takes the form that gives a person a role in a room or takes it back.
func PersonRoomsURL(id store.UserID) string { return PersonURL(id) + "/rooms" }

// EndPersonSessionURL takes the form that ends one of a person's sessions.
func EndPersonSessionURL(id store.UserID, login store.LoginID) string {
	return PersonURL(id) + "/sessions/" + decimal(login) + "/end"
}

// EndPersonSessionsURL takes the form that ends all of a person's sessions.
func EndPersonSessionsURL(id store.UserID) string { return PersonURL(id) + "/sessions/end" }

// RulesURL is what the claims give people.
func RulesURL() string { return AdminURL() + "/rules" }

// AuditURL is the audit log.
func AuditURL() string { return AdminURL() + "/audit" }

// PersonAuditURL is the part of the audit log that is about a person.
func PersonAuditURL(id store.UserID) string { return AuditURL() + "?person=" + decimal(id) }

// SettingsURL shows (GET) and takes (POST) what a room asks of those who enter.
func SettingsURL(slug string) string { return RoomURL(slug) + "/settings" }

// ProvenURL is the settings with a demand filled in.
func ProvenURL(slug string, d store.Demand) string {
	return SettingsURL(slug) + "?" + demandQuery(d, url.Values{}).Encode()
}

func demandQuery(d store.Demand, q url.Values) url.Values {
	q.Set("max_age", strconv.FormatInt(int64(d.MaxAge/time.Second), 10))
	q.Set("acr", d.ACR)
	return q
}

func returnQuery(back string) string {
	if back == "" {
		return ""
	}
	return "?return=" + url.QueryEscape(back)
}
