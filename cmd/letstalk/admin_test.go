package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"letstalk/internal/pgtest"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

// done runs a command, which must succeed, and returns what it printed.
func done(t *testing.T, args []string, environ ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr strings.Builder
	if err := run(ctx, args, environ, &stdout, &stderr); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return stdout.String()
}

// The first administrator is made while the program runs; nothing has to be restarted.
func TestAdminBesideARunningProgram(t *testing.T) {
	for name, database := range map[string]func() string{
		"SQLite":     func() string { return "sqlite:letstalk.db" },
		"PostgreSQL": func() string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			folder(t)
			env := "DATABASE_URL=" + database()
			p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0", "ADMIN_GROUPS=nobody", env)
			admin := func(args ...string) string { return done(t, append([]string{"admin"}, args...), env) }
			wants := func(what, got, want string) {
				t.Helper()
				if got != want+"\n" {
					t.Errorf("%s: it says %q, want %q", what, got, want)
				}
			}
			var nothing strings.Builder
			err := run(t.Context(), []string{"admin", "grant", "alice@example.org"}, []string{env}, &nothing, &nothing)
			if err == nil || !strings.HasPrefix(err.Error(), "nobody has logged in yet") {
				t.Errorf("%v", err)
			}
			alice, bob := p.visitor(), p.visitor()
			alice.signIn("alice", "/chat/General")
			bob.signIn("bob", "/chat/General")

			wants("none", admin("list"), "There is no administrator yet. letstalk admin grant EMAIL makes one of somebody who has logged in; ADMIN_GROUPS, of a group.")
			wants("grant", admin("grant", "Alice@Example.ORG"), "Alice Adams <alice@example.org> is an administrator now.")
			wants("again", admin("grant", "alice@example.org"), "Alice Adams <alice@example.org> was an administrator already.")
			stream := bob.stream()
			wants("deactivate", admin("deactivate", "bob@example.org"), "Bob Brown <bob@example.org> is locked out now; 1 session ended.")
			event(t, stream, "auth")
			wants("again", admin("deactivate", "#2"), "Bob Brown <bob@example.org> was locked out already.")
			wants("list", admin("list"), "#1  Alice Adams  alice@example.org  administrator by hand\n#2  Bob Brown    bob@example.org    locked out")
			wants("locked out", admin("grant", "#2"), "Bob Brown <bob@example.org> is an administrator, but locked out: letstalk admin activate lets them in.")
			wants("activate", admin("activate", "bob@example.org"), "Bob Brown <bob@example.org> may log in again.")
			wants("again", admin("activate", "bob@example.org"), "Bob Brown <bob@example.org> could log in already.")
			bob.signIn("bob", "/chat/General")
			wants("revoke", admin("revoke", "#2"), "Bob Brown <bob@example.org> is no administrator any more.")
			wants("again", admin("revoke", "#2"), "Bob Brown <bob@example.org> was no administrator.")
			wants("list", admin("list"), "#1  Alice Adams  alice@example.org  administrator by hand")
		})
	}
}

// signedIn records that somebody has signed in, and what the provider's claims give them.
func signedIn(t *testing.T, db *sqlstore.Store, issuer, name, email string, access *store.Access) {
	t.Helper()
	_, err := db.CreateLogin(t.Context(), store.NewLogin{
		Identity: store.Identity{Issuer: issuer, Subject: name, Name: name, Email: email}, Lifetime: time.Hour, Access: access,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAdminKnowsWhatTheProviderGives(t *testing.T) {
	folder(t)
	db, err := sqlstore.Open(t.Context(), "sqlite:letstalk.db", sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	signedIn(t, db, "https://login.example.org", "Ann", "ann@example.org", &store.Access{Admin: `groups has "admins"`})
	stays := `Ann <ann@example.org> stays an administrator, because the identity provider says so: groups has "admins"; take them out of that group there, or change ADMIN_GROUPS`
	if got := refused(t, []string{"admin", "revoke", "ann@example.org"}); got != stays {
		t.Errorf("it says %q", got)
	}
	if got := done(t, []string{"admin", "grant", "ann@example.org"}); got != "Ann <ann@example.org> is an administrator by hand now, and was one before: groups has \"admins\".\n" {
		t.Errorf("it says %q", got)
	}
	if got := done(t, []string{"admin", "list"}); got != "#1  Ann  ann@example.org  administrator by hand; administrator: groups has \"admins\"\n" {
		t.Errorf("it says %q", got)
	}
	if got := refused(t, []string{"admin", "revoke", "ann@example.org"}); got != stays {
		t.Errorf("it says %q", got)
	}
	if got := done(t, []string{"admin", "list"}); got != "#1  Ann  ann@example.org  administrator: groups has \"admins\"\n" {
		t.Errorf("it says %q", got)
	}
}

func TestAdminFindsOnePersonOrNobody(t *testing.T) {
	folder(t)
	if got := refused(t, []string{"admin", "list"}); got != "there is no database letstalk.db: is the database URL the right one?" {
		t.Errorf("it says %q", got)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	db, err := sqlstore.Open(t.Context(), "sqlite:letstalk.db", sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	says := func(name, want string) {
		t.Helper()
		if got := refused(t, []string{"admin", "grant", name}); got != want {
			t.Errorf("%s: it says %q, want %q", name, got, want)
		}
	}
	says("ann@example.org", `nobody has logged in yet, so "ann@example.org" is not known here: log in once and try again, or set ADMIN_GROUPS to a group at the identity provider`)
	signedIn(t, db, "https://a.example.org", "Ann", "ann@example.org", nil)
	signedIn(t, db, "https://b.example.org", "Ann B.", "Ann@example.org", nil)
	signedIn(t, db, "https://b.example.org", "Joann", "joann@example.org", nil)
	signedIn(t, db, "https://b.example.org", "Nameless", "", nil)
	says("ann@example.org", "2 people have the address ann@example.org; name one by #ID instead:\n"+
		"#1  Ann  of https://a.example.org\n#2  Ann B.  of https://b.example.org")
	says("bob@example.org", `nobody here has the address "bob@example.org": people are known once they have logged in, by the address that the identity provider tells`)
	says("example.org", `nobody here has the address "example.org": people are known once they have logged in, by the address that the identity provider tells`)
	says("", "name one person, by e-mail address; see letstalk admin -h")
	says("#x", "#x is no person's number: letstalk admin list shows them, such as #7")
	says("#-1", "#-1 is no person's number: letstalk admin list shows them, such as #7")
	says("#99", "nobody has the number #99")
	if got := done(t, []string{"admin", "grant", "#2"}); got != "Ann B. <Ann@example.org> is an administrator now.\n" {
		t.Errorf("it says %q", got)
	}
	if got := done(t, []string{"admin", "grant", "#4"}); got != "Nameless (#4) is an administrator now.\n" {
		t.Errorf("it says %q", got)
	}
}

func TestAdminSaysHow(t *testing.T) {
	folder(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"admin"}, "say what to do: list, grant, revoke, deactivate or activate; see letstalk admin -h"},
		{[]string{"admin", "promote", "x"}, `unknown argument "promote"; see letstalk admin -h`},
		{[]string{"admin", "list", "x"}, `unknown argument "x"; see letstalk admin -h`},
		{[]string{"admin", "grant"}, "name one person, by e-mail address; see letstalk admin -h"},
		{[]string{"admin", "grant", "a", "b"}, "name one person, by e-mail address; see letstalk admin -h"},
		{[]string{"admin", "-x"}, "flag provided but not defined: -x; see letstalk admin -h"},
	} {
		if got := refused(t, c.args); got != c.want {
			t.Errorf("%q: it says %q, want %q", c.args, got, c.want)
		}
	}
	for _, name := range []string{"admin", "audit", "doctor"} {
		if help, own := done(t, []string{"-h"}), done(t, []string{name, "-h"}); !strings.Contains(help, "letstalk "+name+" ") || !strings.Contains(own, "Usage: letstalk "+name+" ") {
			t.Errorf("%s\n%s", help, own)
		}
	}
}

// Of the configuration the commands about people need the database alone.
func TestAdminNeedsNoOtherSetting(t *testing.T) {
	folder(t)
	begun(t, "other.db")
	write(t, "url", "sqlite:other.db\n")
	for _, args := range [][]string{{"admin", "list"}, {"audit", "verify"}} {
		done(t, args, "DATABASE_URL_FILE=url", "BASE_URL=%%%", "SESSION_KEY=short")
	}
	write(t, ".env", "DATABASE_URL='sqlite")
	if got := refused(t, []string{"admin", "list"}); !strings.Contains(got, ".env, line 1 can't be understood") {
		t.Errorf("it says %q", got)
	}
}
