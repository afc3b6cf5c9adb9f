package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"letstalk/store"
	"letstalk/store/sqlstore"
)

// everyNode runs a test on two nodes, with NATS and without.
func everyNode(t *testing.T, test func(t *testing.T, c *workspace), env ...string) {
	for name, more := range map[string]func(t *testing.T) []string{
		"with NATS":    func(t *testing.T) []string { return []string{"NATS_URL=" + bus(t)} },
		"without NATS": func(*testing.T) []string { return nil },
	} {
		t.Run(name, func(t *testing.T) { test(t, newWorkspace(t, append(more(t), env...)...)) })
	}
}

// open returns the workspace's database, as a command at the machine has it.
func (c *workspace) open() store.Store {
	c.t.Helper()
	for _, setting := range c.env {
		if address, ok := strings.CutPrefix(setting, "DATABASE_URL="); ok {
			db, err := sqlstore.Open(c.t.Context(), address, sqlstore.Options{})
			if err != nil {
				c.t.Fatal(err)
			}
			c.t.Cleanup(func() { db.Close() })
			return db
		}
	}
	panic("a workspace has a database")
}

// person returns somebody who has signed in.
func (c *workspace) person(db store.Store, name string) store.User {
	c.t.Helper()
	people, err := db.Users(c.t.Context(), store.Operator, name, 2)
	if err != nil || len(people) != 1 {
		c.t.Fatalf("%v, %v", people, err)
	}
	return people[0]
}

func TestLogOutAtTheProviderReachesAllNodes(t *testing.T) {
	everyNode(t, func(t *testing.T, c *workspace) {
		one, two := c.node(), c.node() // the provider tells two
		alice, bob := one.visitor(), one.visitor()
		alice.signIn("alice", "/chat/General")
		bob.signIn("bob", "/chat/General")
		hers, his := alice.stream(), bob.stream()
		c.idp.EndSessions(t.Context(), "alice")
		event(t, hers, "auth")
		for name, node := range map[string]*program{"one": one, "two": two} {
			alice.moveTo(node)
			if title := alice.open("/chat/General").Find("h1").Text(); title != "Please log in" {
				t.Errorf("node %s shows her %q", name, title)
			}
		}
		bob.post("still here", "1")
		says(t, his, "still here")
	})
}

func TestDeactivatedPersonIsOutOnAllNodes(t *testing.T) {
	everyNode(t, func(t *testing.T, c *workspace) {
		one, two := c.node(), c.node()
		admin, bob := one.visitor(), two.visitor()
		bob.signIn("bob", "/chat/General")
		bob.post("what I said stays", "1")
		stream := bob.stream()
		admin.signIn("alice", "/chat/General")
		db := c.open()
		target := c.person(db, "bob")
		if err := db.SetAdmin(t.Context(), store.Operator, c.person(db, "alice").ID, true); err != nil {
			t.Fatal(err)
		}
		// That was another process; what the node remembers of her is up to a second old.
		until(t, func() bool { return admin.open("/admin/people").StatusCode == http.StatusOK },
			func() string { return "she is no administrator\n" + one.log.String() })
		admin.got(admin.PostForm(one.base+"/admin/people/"+fmt.Sprint(target.ID)+"/active", url.Values{"active": {"false"}}))
		event(t, stream, "auth")
		if title := bob.open("/chat/General").Find("h1").Text(); title != "Please log in" {
			t.Errorf("he sees %q", title)
		}
		page := admin.open("/chat/General")
		if said := page.Find(".message").Text(); !strings.Contains(said, "what I said stays") || !strings.Contains(said, "Bob Brown") {
			t.Errorf("the room has %q", said)
		}
	})
}

func TestRecheckOnOneNodeShowsOnAll(t *testing.T) {
	everyNode(t, func(t *testing.T, c *workspace) {
		one, two := c.node(), c.node()
		alice := one.visitor()
		alice.signIn("alice", "/dashboard")
		alice.moveTo(two)
		// Her stream is on two; she is asked about because of what she does on one.
		stream := alice.stream()
		c.idp.SetGroups("alice", "staff", "eng-web")
		alice.moveTo(one)
		until(t, func() bool { return strings.Contains(alice.open("/dashboard").Find(".cards").Text(), "Engineering") },
			func() string { return "the room of the new group is never there\n" + one.log.String() })
		event(t, stream, "rooms")
		c.idp.Disable("alice")
		until(t, func() bool { return alice.open("/dashboard").Find("h1").Text() == "Please log in" },
			func() string { return "the login never ends\n" + one.log.String() })
		event(t, stream, "auth")
	}, "SESSION_RECHECK=1s", "OIDC_SCOPES=openid profile email offline_access", "GROUP_ROOMS=eng-*=Engineering:moderator")
}
