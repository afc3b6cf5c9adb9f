package views

import (
	"time"

	"letstalk/store"
)

// Ago says roughly how long something is past.
func Ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute ago"
	case d < time.Hour:
		return store.Span(d.Truncate(time.Minute)) + " ago"
	case d < 24*time.Hour:
		return store.Span(d.Truncate(time.Hour)) + " ago"
	}
	return store.Span(d.Truncate(24*time.Hour)) + " ago"
}

// RoleNone is what a form says that takes a role back.
const RoleNone = "none"

// roleIn returns what somebody may do in a room.
func roleIn(user store.User, r store.RoomReasons) store.Role {
	if user.Admin() {
		return store.Moderator
	}
	role := store.Member
	for _, reason := range r.Reasons {
		if reason.Role == store.Moderator {
			role = reason.Role
		}
	}
	return role
}

// roleName is a role as a label.
func roleName(r store.Role) string {
	if r == store.Moderator {
		return "Moderator"
	}
	return "Member"
}

// byHand returns the role somebody was given by hand in a room.
func byHand(r store.RoomReasons) (store.Reason, bool) {
	for _, reason := range r.Reasons {
		if reason.Claim == "" {
			return reason, true
		}
	}
	return store.Reason{}, false
}
