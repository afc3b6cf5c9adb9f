package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

func signIn(t *testing.T, s *Store, n store.NewLogin) store.Login {
	t.Helper()
	l, err := s.CreateLogin(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// It is asked twice a second, by each process.
func TestNothingToExpireTakesNoTurnOfTheWriter(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			user, _ := furnish(t, s)
			release := hold(t, s)
			defer release()
			ended, err := s.ExpireLogins(t.Context())
			if err != nil || ended != nil {
				t.Errorf("ended %v, %v", ended, err)
			}
			if _, _, err := s.EndedLogins(t.Context(), time.Now()); err != nil {
				t.Error(err)
			}
			if logins, err := s.UserLogins(t.Context(), user, user); err != nil || len(logins) != 1 {
				t.Errorf("%d logins, %v", len(logins), err)
			}
		})
	}
}

func TestMoreLoginsExpireThanOneWriteEnds(t *testing.T) {
	now := time.Now()
	s := open(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	writes := make([]func(*tx) error, 2*expireStep+expireStep/2)
	for i := range writes {
		n := store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: fmt.Sprint(i)}, Lifetime: time.Hour}
		if i%2 == 0 {
			n.Idle = time.Minute
		}
		writes[i] = func(t *tx) error {
			user, err := t.mayEnter(n)
			if err != nil {
				return err
			}
			var id store.LoginID
			return t.returning(insertLogin, t.loginArgs(int64(user.ID), n)...).Scan(&id)
		}
	}
	for _, err := range batch(t, s, writes...) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		pass  time.Duration
		cause store.Cause
	}{{time.Minute, store.Idle}, {time.Hour, store.Expired}} {
		now = now.Add(c.pass)
		ended, err := s.ExpireLogins(t.Context())
		if err != nil || len(ended) != len(writes)/2 {
			t.Errorf("%d ended, %v; want %d", len(ended), err, len(writes)/2)
		}
		entries, err := s.AuditEntries(t.Context(), store.Operator, store.AuditQuery{Limit: 1})
		if err != nil || entries[0].Detail != string(c.cause) {
			t.Errorf("the log says %+v, %v; want %s", entries, err, c.cause)
		}
		if again, err := s.ExpireLogins(t.Context()); err != nil || again != nil {
			t.Errorf("again: %v, %v", again, err)
		}
	}
}

// What another process ended is found, also if it began before the last look and was done only after it.
func TestEndingsOfOthersAreFound(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			here, there := openAt(t, url, Options{}), openAt(t, url, Options{})
			n := store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: "s"}, Lifetime: time.Hour}
			one, two := signIn(t, here, n), signIn(t, here, n)
			none, since, err := here.EndedLogins(t.Context(), time.Time{})
			if err != nil || none != nil {
				t.Fatalf("%v, %v", none, err)
			}
			if err := there.EndLogin(t.Context(), one.ID, store.Ending{Cause: store.EndedByOwner}); err != nil {
				t.Fatal(err)
			}
			found, since, err := here.EndedLogins(t.Context(), since)
			if err != nil || !slices.Contains(found, one.ID) || slices.Contains(found, two.ID) {
				t.Errorf("%v, %v; want %d", found, err, one.ID)
			}
			// As by a write whose turn began a while ago.
			if err := there.EndLogin(t.Context(), two.ID, store.Ending{Cause: store.EndedByOwner}); err != nil {
				t.Fatal(err)
			}
			if _, err := there.writer.Exec(`UPDATE logins SET ended_at = $2 WHERE id = $1`, two.ID, since.Add(-patience).UnixMilli()); err != nil {
				t.Fatal(err)
			}
			if found, _, err = here.EndedLogins(t.Context(), since); err != nil || !slices.Contains(found, two.ID) {
				t.Errorf("%v, %v; want %d", found, err, two.ID)
			}
		})
	}
}

// A provider may have long names for its sessions, alike at their beginning.
func TestSessionsOfLongNamesAreToldApart(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			long := strings.Repeat("é𝕊", 5000)
			n := store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: "s"}, Lifetime: time.Hour, SID: long + "1"}
			one := signIn(t, s, n)
			n.SID = long + "2"
			two := signIn(t, s, n)
			ended, err := s.EndProviderLogins(t.Context(), store.ProviderLogout{Issuer: "i", SID: long + "1", Token: "t", Expires: time.Now().Add(time.Minute)})
			if err != nil || !slices.Equal(ended, []store.LoginID{one.ID}) {
				t.Errorf("ended %v, %v; want %d", ended, err, one.ID)
			}
			if live, err := s.LiveLogins(t.Context(), []store.LoginID{one.ID, two.ID}); err != nil || !slices.Equal(live, []store.LoginID{two.ID}) {
				t.Errorf("%v are live, %v", live, err)
			}
		})
	}
}

// The version before knows nothing of causes and rights from claims; what it writes beside this one counts all the same.
func TestRowsOfTheVersionBeforeAreServed(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			alice, general := furnish(t, s)
			now := time.Now().UnixMilli()
			for _, statement := range []string{
				`INSERT INTO users (id, issuer, subject, name, email, groups, active, created_at) VALUES (50, 'i', 'old', 'Old', '', '[]', TRUE, 1)`,
				fmt.Sprintf(`INSERT INTO logins (id, user_id, sid, tokens, address, agent, created_at, seen_at, expires_at, idle)
					VALUES (50, 50, '', NULL, '', '', %[1]d, %[1]d, %[1]d + 3600000, 60000)`, now),
				`INSERT INTO memberships (room_id, user_id, role) VALUES (1, 50, 'moderator')`,
			} {
				if _, err := s.writer.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			l, err := s.Login(t.Context(), 50)
			if err != nil || l.User.Admin() || !l.RecheckAt.IsZero() || !l.AuthAt.IsZero() {
				t.Errorf("%+v, %v", l, err)
			}
			if r, err := s.Room(t.Context(), 50, "general"); err != nil || r.ID != general || !r.Moderator {
				t.Errorf("%+v, %v", r, err)
			}
			st, err := s.Standing(t.Context(), store.Operator, 50)
			if err != nil || len(st.Rooms) != 1 || !slices.Equal(st.Rooms[0].Reasons, []store.Reason{{Role: store.Moderator}}) {
				t.Errorf("%+v, %v", st, err)
			}
			if err := s.RemoveMember(t.Context(), alice, general, 50); err != nil {
				t.Error(err)
			}
		})
	}
}
