package auth_test

import (
	"net/http"
	"strings"
	"testing"
	"unicode"

	"letstalk/store"
)

// refused checks a sign-in that has to come to nothing. Whoever tries learns of it by its name, the browser keeps the
// session it had or gets none, and the audit log has one row more, which says in words why and from where. That the log
// holds no secret is checked when the site closes.
func refused(t *testing.T, b *browser, why string, try func() page) {
	t.Helper()
	last, session, viewer := b.audited().ID, b.session(), b.me()
	p := try()
	want(t, "answer", p.body, why)
	want(t, "status", p.status, http.StatusForbidden)
	want(t, "session", b.session(), session)
	want(t, "viewer", b.me(), viewer)
	for _, c := range p.cookies {
		t.Errorf("the answer sets the cookie %s", c.Name)
	}

	row := b.audited()
	want(t, "new rows in the audit log", row.ID-last, 1)
	want(t, "kind", row.Kind, store.AuditSignInRefused)
	want(t, "address", row.Address, "127.0.0.1")
	if row.Detail == "" || len(row.Detail) > 310 || strings.ContainsFunc(row.Detail, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("the reason in the audit log: %q", row.Detail)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, secret := range b.secrets {
		if strings.Contains(row.Detail+row.Subject.Name, secret) {
			t.Errorf("the audit log holds the secret %q: %+v", secret, row)
		}
	}
}

// audited returns the newest row of the audit log, the zero row if it is empty.
func (s *site) audited() store.AuditEntry {
	s.Helper()
	rows, err := s.store.AuditEntries(s.Context(), store.Operator, store.AuditQuery{Limit: 1})
	if err != nil {
		s.Fatal(err)
	}
	if len(rows) == 0 {
		return store.AuditEntry{}
	}
	return rows[0]
}

// TestRefusedSignInLeavesWhoIsSignedInAlone is about a browser that has a session already.
func TestRefusedSignInLeavesWhoIsSignedInAlone(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	refused(t, b, "untrusted", func() page { return r.signIn(b, r.with(claimSet{"nonce": "another"})) })
	refused(t, b, "denied", func() page { return b.comeBack("error", "access_denied") })
	refused(t, b, "answer", func() page { return b.comeBack("error", "server_error") })
	r.set(func() { r.down = true })
	refused(t, b, "down", func() page { return r.signIn(b, r.sign) })
}

// comeBack begins a sign-in and comes back with the right state and some parameters more.
func (b *browser) comeBack(pairs ...string) page {
	b.Helper()
	answer := map[string][]string{"state": {b.begin("/").Get("state")}}
	for i := 0; i < len(pairs); i += 2 {
		answer[pairs[i]] = append(answer[pairs[i]], pairs[i+1])
	}
	return b.callback(answer)
}
