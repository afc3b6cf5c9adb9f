package doctor_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/auth"
	"letstalk/store"
)

// rehearse has somebody sign in as soon as the link is there, and returns what the doctor says after that.
func (w *world) rehearse(outcome string) []string {
	w.t.Helper()
	w.opts.Rehearse = true
	w.out.rehearsed = func(ticket string) {
		if err := w.opts.Store.FinishRehearsal(w.t.Context(), auth.KeptRehearsal(ticket), outcome); err != nil {
			w.t.Error(err)
		}
	}
	lines := w.examine()
	begin := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Waiting for ") })
	if begin < 0 {
		w.t.Fatalf("there is no link:\n%s", strings.Join(lines, "\n"))
	}
	return lines[begin+2 : len(lines)-3]
}

// alice has all that a provider may say about somebody.
func alice() auth.Rehearsed {
	return auth.Rehearsed{
		Subject: "6f1c", Name: "Alice Adams", Email: "alice@example.org", Groups: []string{"staff", "admins"}, Known: true,
		Claims: []string{"aud", "email", "groups", "name", "sub"}, Refresh: true, SID: true, AuthAt: today.Add(-90 * time.Second), ACR: "mfa",
		Access: &store.Access{
			Admin: `groups has "admins"`,
			Rooms: []store.Grant{{Room: "Engineering", Role: store.Moderator, Claim: `groups has "staff"`}},
		},
	}
}

func encoded(t *testing.T, r auth.Rehearsed) string {
	t.Helper()
	outcome, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(outcome)
}

func TestRehearsal(t *testing.T) {
	w := newWorld(t, database(t))
	want := []string{
		"ok       The rehearsed sign-in passed all checks.",
		"ok       It was Alice Adams, whose subject is 6f1c. Claims: aud, email, groups, name, sub.",
		"ok       The e-mail address is alice@example.org.",
		"ok       Groups, by the claim groups: staff, admins.",
		"ok       A refresh token came: every 15m of use the provider is asked whether the person is still welcome.",
		"ok       The provider says which of its sessions this is (sid).",
		"ok       The person proved who they are 1m33s ago (auth_time).", // the stream took three seconds
		"ok       They did so by mfa (acr).",
		"ok       This person would be let in.",
		`ok       They would be an administrator: groups has "admins".`,
		`ok       They would be moderator of Engineering: groups has "staff".`,
	}
	if diff := cmp.Diff(want, w.rehearse(encoded(t, alice()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRehearsalNamesWhatIsMissing(t *testing.T) {
	db := database(t)
	for _, c := range []struct {
		name string
		make func(*world, *auth.Rehearsed)
		want string
	}{
		{"no name", func(_ *world, r *auth.Rehearsed) { r.Name = r.Subject }, "warning: No name came: others would see the subject."},
		{"no e-mail", func(_ *world, r *auth.Rehearsed) { r.Email = "" }, "warning: No e-mail address came"},
		{"userinfo down", func(_ *world, r *auth.Rehearsed) { r.InfoDown = true }, "warning: The userinfo endpoint did not answer"},
		{"no groups, and none needed", func(_ *world, r *auth.Rehearsed) { r.Groups = nil }, ""},
		{"no groups", func(w *world, r *auth.Rehearsed) {
			w.opts.Policy.AdminGroups = []string{"admins"}
			r.Groups, r.Note, r.Access = nil, "there is no claim groups", &store.Access{}
		}, "warning: No groups came: there is no claim groups. This person is in none, or the provider does not tell."},
		{"too many groups", func(_ *world, r *auth.Rehearsed) { r.Note = "there are 300 groups" }, "warning: About the groups: there are 300 groups."},
		{"groups unknown", func(w *world, r *auth.Rehearsed) {
			w.opts.Policy.AllowedGroups = []string{"staff"}
			r.Groups, r.Known, r.Note, r.Access = nil, false, "groups is a number", nil
		}, "failure: It can't be known in which groups this person is: groups is a number."},
		{"no refresh token", func(_ *world, r *auth.Rehearsed) { r.Refresh = false }, "warning: No refresh token came"},
		{"no refresh token, and none needed", func(w *world, r *auth.Rehearsed) { w.opts.Recheck, r.Refresh = 0, false }, ""},
		{"refresh token, and none needed", func(w *world, _ *auth.Rehearsed) { w.opts.Recheck = 0 }, ""},
		{"no sid", func(_ *world, r *auth.Rehearsed) { r.SID = false }, "warning: The provider does not say which of its sessions this is (sid)"},
		{"no sid from who never has one", func(w *world, r *auth.Rehearsed) {
			w.says(map[string]any{"backchannel_logout_session_supported": nil})
			r.SID = false
		}, ""},
		{"no auth_time", func(_ *world, r *auth.Rehearsed) { r.AuthAt = time.Time{} }, "warning: The provider does not say when the person proved who they are (auth_time)."},
		{"not let in", func(_ *world, r *auth.Rehearsed) { r.Refused, r.Access = "they are in none of the groups.", nil }, "warning: This person would not be let in: they are in none of the groups."},
		{"denied", func(_ *world, r *auth.Rehearsed) { *r = auth.Rehearsed{Error: auth.ErrDenied.Error()} },
			"failure: The rehearsed sign-in failed: sign-in was refused.\nremedy: Look whether this person is assigned to the application"},
		{"keys out of reach", func(_ *world, r *auth.Rehearsed) { *r = auth.Rehearsed{Error: auth.ErrProviderDown.Error() + ": keys"} }, "remedy: Let the machine that the site runs on reach"},
		{"code refused", func(_ *world, r *auth.Rehearsed) { *r = auth.Rehearsed{Error: auth.ErrProviderAnswer.Error() + ": x"} }, "remedy: Compare OIDC_CLIENT_ID"},
		{"token refused", func(_ *world, r *auth.Rehearsed) { *r = auth.Rehearsed{Error: auth.ErrUntrusted.Error() + ": x"} }, "remedy: The provider sends something else"},
		{"broken", func(_ *world, r *auth.Rehearsed) { r.Error = "disk full" }, "failure: The rehearsed sign-in failed: disk full.\nremedy: Look into the site's log."},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newWorld(t, db), alice()
			c.make(w, &r)
			got := complaints(w.rehearse(encoded(t, r)))
			if c.want == "" && len(got) == 0 {
				return
			}
			if len(got) != 1 || c.want == "" || !strings.Contains(got[0], c.want) {
				t.Errorf("it says %q, want one line with %q", got, c.want)
			}
		})
	}
	t.Run("another version", func(t *testing.T) {
		if got := complaints(newWorld(t, database(t)).rehearse("?")); len(got) != 1 || !strings.Contains(got[0], "nothing that is understood here") {
			t.Errorf("it says %q", got)
		}
	})
}

func TestSomebodyStopsIt(t *testing.T) {
	w := newWorld(t, database(t))
	ctx, stop := context.WithCancel(t.Context())
	w.ctx, w.opts.Rehearse, w.out.rehearsed = ctx, true, func(string) { stop() }
	got := complaints(w.examine())
	if len(got) != 1 || !strings.HasPrefix(got[0], "warning: There was no rehearsed sign-in: it was stopped.") {
		t.Errorf("it says %q", got)
	}
}

func TestNobodyComes(t *testing.T) {
	w := newWorld(t, database(t))
	w.opts.Rehearse, w.opts.Patience = true, 20*time.Millisecond
	got := complaints(w.examine())
	if len(got) != 1 || !strings.HasPrefix(got[0], "warning: There was no rehearsed sign-in: nobody came in time.") {
		t.Errorf("it says %q", got)
	}
}
