package devidp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheTokenSaysHowThePersonSignedIn(t *testing.T) {
	f := setUp(t)
	for _, test := range []struct {
		name, asked string
		tick        []string // what the person does about the box
		acr         string
		amr         []any
	}{
		{"nothing asked", "", nil, "pwd", []any{"pwd"}},
		{"nothing asked, yet given", "", []string{"second_factor", "yes"}, "mfa", []any{"pwd", "otp", "mfa"}},
		{"the strong asked", "mfa", nil, "mfa", []any{"pwd", "otp", "mfa"}},
		{"the strong asked and not given", "mfa", []string{"second_factor", ""}, "pwd", []any{"pwd"}},
		{"the strong preferred", "mfa pwd", nil, "mfa", []any{"pwd", "otp", "mfa"}},
		{"the weak preferred", "pwd mfa", nil, "pwd", []any{"pwd"}},
		{"one that is unknown preferred", "urn:example:gold mfa", nil, "mfa", []any{"pwd", "otp", "mfa"}},
		{"only one that is unknown", "urn:example:gold", nil, "pwd", []any{"pwd"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := f.in(t)
			b := f.browser()
			page := b.get(authURL(f.client, "acr_values", test.asked))
			code := b.press(page, "account", "alice", test.tick...).params(f.client.RedirectURL).Get("code")
			got := f.claims(f.client, f.redeem(f.client, code))
			if got["acr"] != test.acr {
				t.Errorf("acr %v, want %s", got["acr"], test.acr)
			}
			if diff := cmp.Diff(test.amr, got["amr"]); diff != "" {
				t.Errorf("amr (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLoginPageSaysThatASecondFactorIsWanted(t *testing.T) {
	f := setUp(t)
	for asked, want := range map[string]bool{"": false, "pwd": false, "mfa": true} {
		page := f.browser().get(authURL(f.client, "acr_values", asked))
		_, ticked := page.doc.Find("input[type=checkbox][name=second_factor]").Attr("checked")
		told := strings.Contains(page.doc.Find("main p").First().Text(), "second factor")
		if ticked != want || told != want {
			t.Errorf("acr_values %q: ticked is %v, told is %v, want %v", asked, ticked, told, want)
		}
	}
}

func TestPromptNoneAnswersWithTheStrengthThereIs(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	silently := func(acr string) any {
		t.Helper()
		code := b.get(authURL(f.client, "prompt", "none", "acr_values", acr)).params(f.client.RedirectURL).Get("code")
		return f.claims(f.client, f.redeem(f.client, code))["acr"]
	}
	b.signIn(f.client, "alice")
	if got := silently("mfa"); got != "pwd" {
		t.Errorf("signed in with a password: acr %v, want pwd", got)
	}
	b.signIn(f.client, "alice", "acr_values", "mfa")
	if got := silently("pwd"); got != "mfa" {
		t.Errorf("signed in with a second factor: acr %v, want mfa", got)
	}
	b.signIn(f.client, "alice")
	if got := silently(""); got != "pwd" {
		t.Errorf("signed in again with a password: acr %v, want pwd", got)
	}
}

func TestARefreshedTokenTellsOfTheSignInItComesFrom(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	first := b.signIn(f.client, "alice", "acr_values", "mfa")
	was := f.claims(f.client, first)
	f.clock.move(time.Minute)
	b.signIn(f.client, "alice") // makes the session a new and weaker one
	second, err := refresh(t.Context(), f.client, first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	is := f.claims(f.client, second)
	for _, name := range []string{"acr", "amr", "auth_time", "sid"} {
		if diff := cmp.Diff(was[name], is[name]); diff != "" {
			t.Errorf("%s (-first +refreshed):\n%s", name, diff)
		}
	}
}

func TestAuthTimeMovesWheneverThePersonChooses(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	for _, extra := range [][]string{nil, {"prompt", "login"}, {"max_age", "0"}, nil} {
		f.clock.move(time.Minute)
		got := f.claims(f.client, b.signIn(f.client, "alice", extra...))
		if want := float64(f.clock.now().Unix()); got["auth_time"] != want {
			t.Errorf("%v: auth_time %v, want %v", extra, got["auth_time"], want)
		}
	}
}
