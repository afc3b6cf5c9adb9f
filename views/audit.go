package views

import (
	"net/url"
	"strings"

	"letstalk/store"
)

// auditNames are the kinds of audit entries as people choose among them.
var auditNames = map[store.AuditKind]string{
	store.AuditSignedIn:      "Signed in",
	store.AuditRenewed:       "Signed in again",
	store.AuditSignInRefused: "Sign-in refused",
	store.AuditSignedOut:     "Signed out",
	store.AuditLogoutRefused: "Logout by the provider refused",
	store.AuditMemberSet:     "Role given",
	store.AuditMemberRemoved: "Role taken",
	store.AuditAdminGranted:  "Administrator made",
	store.AuditAdminRevoked:  "Administrator unmade",
	store.AuditDeactivated:   "Person deactivated",
	store.AuditActivated:     "Person activated",
	store.AuditRoomMade:      "Room made",
	store.AuditRoomChanged:   "Room changed",
	store.AuditMessageEdited: "Message edited by another",
	store.AuditMessageGone:   "Message deleted by another",
	store.AuditExported:      "Audit log exported",
}

// AuditName is a kind of audit entries, as a label.
func AuditName(k store.AuditKind) string {
	if name := auditNames[k]; name != "" {
		return name
	}
	return string(k)
}

// AuditFilter is which part of the audit log is wanted, as the form has it.
type AuditFilter struct {
	Kind     store.AuditKind
	Person   string // what was typed, if it did not name one person
	User     store.Person
	Room     store.RoomID
	From, To string // days, as 2006-01-02; To is included
	Before   int64
}

// Any reports whether the filter leaves anything out.
func (f AuditFilter) Any() bool { f.Before = 0; return f != AuditFilter{} }

// URL is the audit log with that filter.
func (f AuditFilter) URL() string {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("kind", string(f.Kind))
	if f.User.ID != 0 {
		q.Set("person", decimal(f.User.ID))
	} else {
		set("person", f.Person)
	}
	if f.Room != 0 {
		q.Set("room", decimal(f.Room))
	}
	set("from", f.From)
	set("to", f.To)
	if f.Before != 0 {
		q.Set("before", decimal(f.Before))
	}
	if len(q) == 0 {
		return AuditURL()
	}
	return AuditURL() + "?" + q.Encode()
}

// auditPart is a piece of a sentence: words, a person or a room.
type auditPart struct {
	text   string
	person store.Person
	room   store.RoomID
}

// AuditSentence tells an entry of the audit log in words.
func AuditSentence(e store.AuditEntry) string {
	var b strings.Builder
	for _, part := range auditParts(e) {
		b.WriteString(part.text)
	}
	return b.String()
}

// sentence puts a sentence together.
type sentence struct {
	parts []auditPart
}

func (s *sentence) say(words ...string) *sentence {
	for _, w := range words {
		s.parts = append(s.parts, auditPart{text: w})
	}
	return s
}

func (s *sentence) who(p store.Person) *sentence {
	switch {
	case p.ID == store.Operator:
		return s.say("Whoever runs the machine")
	case p.ID == 0 && p.Name == "":
		return s.say("Somebody")
	case p.Name == "":
		p.Name = "A person without a name"
	}
	s.parts = append(s.parts, auditPart{text: p.Name, person: p})
	return s
}

func (s *sentence) where(e store.AuditEntry) *sentence {
	if e.Place == "" {
		return s.say("a room")
	}
	s.parts = append(s.parts, auditPart{text: e.Place, room: e.Room})
	return s
}

// from adds the address, if there is one.
func (s *sentence) from(e store.AuditEntry) *sentence {
	if e.Address != "" {
		s.say(" from ", e.Address)
	}
	return s
}

// because adds a reason, if there is one.
func (s *sentence) because(detail string) *sentence {
	if detail != "" {
		s.say(": ", detail)
	}
	return s
}

func auditParts(e store.AuditEntry) []auditPart {
	s := &sentence{}
	subject := e.Subject
	if subject == (store.Person{}) {
		subject = e.Actor
	}
	switch e.Kind {
	case store.AuditSignedIn:
		s.who(subject).say(" signed in").from(e)
	case store.AuditRenewed:
		s.who(subject).say(" signed in again").from(e)
	case store.AuditSignInRefused:
		s.who(subject).say(" was not let in").from(e).because(e.Detail)
	case store.AuditSignedOut:
		signedOut(s, e, subject)
	case store.AuditLogoutRefused:
		s.say("A logout token was refused").from(e).because(e.Detail)
	case store.AuditMemberSet, store.AuditMemberRemoved, store.AuditAdminGranted, store.AuditAdminRevoked:
		rights(s, e)
	case store.AuditDeactivated:
		s.who(e.Actor).say(" deactivated ").who(e.Subject)
	case store.AuditActivated:
		s.who(e.Actor).say(" activated ").who(e.Subject)
	case store.AuditRoomMade:
		if e.Actor.ID == 0 {
			s.say("The ", e.Detail, " room ").where(e).say(" was made")
		} else {
			s.who(e.Actor).say(" made the ", e.Detail, " room ").where(e)
		}
	case store.AuditRoomChanged:
		s.who(e.Actor).say(" changed what ").where(e).say(" asks for").because(e.Detail)
	case store.AuditMessageEdited:
		s.who(e.Actor).say(" edited a message of ").who(e.Subject).say(" in ").where(e)
	case store.AuditMessageGone:
		s.who(e.Actor).say(" deleted a message of ").who(e.Subject).say(" in ").where(e)
	case store.AuditExported:
		s.who(e.Actor).say(" exported the audit log").because(e.Detail)
	default:
		s.who(subject).say(" · ", string(e.Kind)).because(e.Detail)
	}
	return s.parts
}

// rights tells what somebody was given or lost: by a person, or by a claim that came or went.
func rights(s *sentence, e store.AuditEntry) {
	given := e.Kind == store.AuditMemberSet || e.Kind == store.AuditAdminGranted
	byPerson, self := e.Actor.ID != 0, e.Actor.ID == e.Subject.ID
	switch {
	case byPerson && given && self:
		s.who(e.Actor).say(" made themselves ").role(e, true)
	case byPerson && given:
		s.who(e.Actor).say(" made ").who(e.Subject).say(" ").role(e, true)
	case byPerson && self:
		s.who(e.Actor).say(" gave up the role of ").role(e, false)
	case byPerson:
		s.who(e.Actor).say(" took the role of ").role(e, false).say(" from ").who(e.Subject)
	case given:
		s.who(e.Subject).say(" became ").role(e, true)
	default:
		s.who(e.Subject).say(" is no longer ").role(e, true)
	}
}

// role names the role an entry is about, with its room and with an article or without.
func (s *sentence) role(e store.AuditEntry, article bool) *sentence {
	role, an := e.Detail, "a "
	admin := e.Kind == store.AuditAdminGranted || e.Kind == store.AuditAdminRevoked
	if admin {
		role, an = "administrator", "an "
	}
	if article {
		role = an + role
	}
	if s.say(role); !admin {
		s.say(" of ").where(e)
	}
	return s
}

// signedOut tells a sign-out by its cause.
func signedOut(s *sentence, e store.AuditEntry, subject store.Person) {
	switch cause := store.Cause(e.Detail); cause {
	case store.SignedOut:
		s.who(subject).say(" signed out").from(e)
	case store.EndedByOwner:
		s.who(subject).say(" ended a session of theirs").from(e)
	case store.EndedByAdmin:
		s.who(e.Actor).say(" ended a session of ").who(e.Subject)
	case store.AtProvider:
		s.who(subject).say(" signed out at the provider")
	case store.Replaced:
		s.who(subject).say(" was signed out: another person signed in with the same browser")
	case store.Deactivated:
		s.who(subject).say(" was signed out, being deactivated")
	default:
		s.who(subject).say(" was signed out").because(e.Detail)
	}
}

func lower(s string) string { return strings.ToLower(s) }
