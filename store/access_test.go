package store_test

import (
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

func TestDemandCheck(t *testing.T) {
	long := strings.Repeat("a", store.MaxACR)
	for _, c := range []struct {
		name         string
		demand, want store.Demand
		field        string
	}{
		{"nothing", store.Demand{}, store.Demand{}, ""},
		{"shortest age", store.Demand{MaxAge: time.Minute}, store.Demand{MaxAge: time.Minute}, ""},
		{"longest age", store.Demand{MaxAge: 720 * time.Hour}, store.Demand{MaxAge: 720 * time.Hour}, ""},
		{"age to the second", store.Demand{MaxAge: 61 * time.Second}, store.Demand{MaxAge: 61 * time.Second}, ""},
		{"names are trimmed", store.Demand{ACR: " phr \t\r\n phrh\u00a0"}, store.Demand{ACR: "phr phrh"}, ""},
		{"names of any signs", store.Demand{ACR: "urn:mace:incommon:iap:silver ~!1"}, store.Demand{ACR: "urn:mace:incommon:iap:silver ~!1"}, ""},
		{"blank names", store.Demand{ACR: " \n"}, store.Demand{}, ""},
		{"longest names", store.Demand{ACR: "  " + long}, store.Demand{ACR: long}, ""},
		{"negative age", store.Demand{MaxAge: -time.Hour}, store.Demand{}, "max_age"},
		{"age too short", store.Demand{MaxAge: time.Minute - time.Second}, store.Demand{}, "max_age"},
		{"age too long", store.Demand{MaxAge: 720*time.Hour + time.Second}, store.Demand{}, "max_age"},
		{"age with a fraction", store.Demand{MaxAge: time.Minute + time.Millisecond}, store.Demand{}, "max_age"},
		{"names too long", store.Demand{ACR: long + "a"}, store.Demand{}, "acr"},
		{"letters beyond ASCII", store.Demand{ACR: "é"}, store.Demand{}, "acr"},
		{"control character", store.Demand{ACR: "a\x00"}, store.Demand{}, "acr"},
		{"delete", store.Demand{ACR: "a\x7f"}, store.Demand{}, "acr"},
		{"broken UTF-8", store.Demand{ACR: "a\xff"}, store.Demand{}, "acr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.demand.Check()
			check(t, got, err, c.want, c.field)
		})
	}
}

func TestDemandMetUntil(t *testing.T) {
	now := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	end := now.Add(10 * time.Hour)
	ago := func(d time.Duration, acr string) store.Login {
		return store.Login{AuthAt: now.Add(-d), ACR: acr, ExpiresAt: end}
	}
	unknown := store.Login{ExpiresAt: end}
	hour := store.Demand{MaxAge: time.Hour}
	both := store.Demand{MaxAge: time.Hour, ACR: "phrh phr"}
	for _, c := range []struct {
		name   string
		demand store.Demand
		login  store.Login
		want   time.Time
	}{
		{"nothing is met for life", store.Demand{}, ago(100*time.Hour, ""), end},
		{"nothing is met by who said nothing", store.Demand{}, unknown, end},
		{"fresh is met for the rest of its time", hour, ago(20*time.Minute, ""), now.Add(40 * time.Minute)},
		{"fresh to the last moment", hour, ago(time.Hour-time.Nanosecond, ""), now.Add(time.Nanosecond)},
		{"stale is not met", hour, ago(time.Hour, ""), time.Time{}},
		{"of an unknown time is not met", hour, unknown, time.Time{}},
		{"by the provider's clock in the future is met", hour, ago(-time.Minute, ""), now.Add(61 * time.Minute)},
		{"strong is met for life", store.Demand{ACR: "phr"}, ago(100*time.Hour, "phr"), end},
		{"one of several ways will do", store.Demand{ACR: "phrh phr"}, ago(0, "phr"), end},
		{"another way is not met", store.Demand{ACR: "phrh phr"}, ago(0, "pwd"), time.Time{}},
		{"part of a way's name is not met", store.Demand{ACR: "phrh"}, ago(0, "phr"), time.Time{}},
		{"case counts", store.Demand{ACR: "phr"}, ago(0, "PHR"), time.Time{}},
		{"two ways in one are not met", store.Demand{ACR: "phrh phr"}, ago(0, "phrh phr"), time.Time{}},
		{"unknown way is not met", store.Demand{ACR: "phr"}, ago(0, ""), time.Time{}},
		{"both are met while fresh", both, ago(time.Minute, "phr"), now.Add(59 * time.Minute)},
		{"strong but stale is not met", both, ago(2*time.Hour, "phr"), time.Time{}},
		{"fresh but weak is not met", both, ago(time.Minute, "pwd"), time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.demand.MetUntil(c.login, now); !got.Equal(c.want) {
				t.Errorf("met until %v, want %v", got, c.want)
			}
		})
	}
}

func TestUserAdmin(t *testing.T) {
	for _, c := range []struct {
		name string
		user store.User
		want bool
	}{
		{"nobody in particular", store.User{Active: true}, false},
		{"by hand", store.User{Active: true, AdminByHand: true}, true},
		{"by claim", store.User{Active: true, AdminClaim: "c"}, true},
		{"by both", store.User{Active: true, AdminByHand: true, AdminClaim: "c"}, true},
		{"locked out, by both", store.User{AdminByHand: true, AdminClaim: "c"}, false},
		{"groups alone", store.User{Active: true, Identity: store.Identity{Groups: []string{"admin"}}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.user.Admin(); got != c.want {
				t.Errorf("administrator: %v, want %v", got, c.want)
			}
		})
	}
}

func TestDemandInWords(t *testing.T) {
	for _, c := range []struct {
		demand store.Demand
		want   string
	}{
		{store.Demand{}, "nothing but being signed in"},
		{store.Demand{MaxAge: time.Minute}, "a sign-in within the last minute"},
		{store.Demand{MaxAge: 15 * time.Minute}, "a sign-in within the last 15 minutes"},
		{store.Demand{MaxAge: 90 * time.Minute}, "a sign-in within the last 90 minutes"},
		{store.Demand{MaxAge: 8 * time.Hour, ACR: "phrh"}, "a sign-in within the last 8 hours and a sign-in by phrh"},
		{store.Demand{MaxAge: 24 * time.Hour}, "a sign-in within the last day"},
		{store.Demand{MaxAge: 61 * time.Second}, "a sign-in within the last 61 seconds"},
		{store.Demand{ACR: "phrh  phr"}, "a sign-in by phrh or phr"},
	} {
		if got := c.demand.String(); got != c.want {
			t.Errorf("%+v is %q, want %q", c.demand, got, c.want)
		}
	}
}
