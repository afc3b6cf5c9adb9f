package devidp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// logoutRequest is a checked request to sign out: its redirect URI, if any, is registered for its client.
type logoutRequest struct{ redirectURI, state string }

// newLogout is the end session endpoint of RP-Initiated Logout 1.0. An ID token made here is reason enough to end its
// session; without one the person is asked, unless nobody is signed in.
func (p *Provider) newLogout(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	// A hint that does not verify is no hint: the provider's key is new after each start, and people must be able to
	// sign out with the ID tokens of before.
	h, err := p.readHint(form.Get("id_token_hint"))
	hinted := err == nil
	if !hinted && form.Get("id_token_hint") != "" {
		p.log.WarnContext(r.Context(), "devidp: id_token_hint is not an ID token of this provider")
	}
	q, err := p.readLogoutRequest(form, h.client)
	if err != nil {
		return err
	}
	if !hinted && r.Method == http.MethodPost {
		// Lax cookies do not come with another site's form, and without them nobody would seem to be signed in.
		form.Del("id_token_hint")
		redirect(w, p.prefix+"/end_session", form)
		return nil
	}
	s, signedIn := p.browserSession(r)
	switch {
	case hinted:
		ended := []string{h.SessionID}
		if !signedIn || s.subject == h.Subject {
			ended = append(ended, s.id)
			p.clearSessionCookie(w)
		}
		p.end(r.Context(), ended...)
	case signedIn:
		w.Header().Set("Content-Security-Policy", contentPolicy(q.redirectURI))
		return p.render(w, http.StatusOK, "logout", view{
			Title:   "Sign out?",
			Ticket:  newTicket(p, p.logouts, w, r, q),
			Current: p.name(s),
		})
	}
	return p.signedOut(w, q)
}

// createLogout takes the form of the page that asked.
func (p *Provider) createLogout(w http.ResponseWriter, r *http.Request) error {
	if _, err := readForm(r); err != nil {
		return err
	}
	q, ok := takeTicket(p, p.logouts, r)
	if !ok {
		return &pageError{http.StatusForbidden, "This page was made for another browser, was used before or is older " +
			"than ten minutes."}
	}
	if s, signedIn := p.browserSession(r); signedIn {
		p.end(r.Context(), s.id)
	}
	p.clearSessionCookie(w)
	return p.signedOut(w, q)
}

func (p *Provider) signedOut(w http.ResponseWriter, q logoutRequest) error {
	if q.redirectURI == "" {
		return p.render(w, http.StatusOK, "message", view{
			Title: "You are signed out", Text: "You can close this page.",
		})
	}
	params := url.Values{}
	if q.state != "" {
		params.Set("state", q.state)
	}
	redirect(w, q.redirectURI, params)
	return nil
}

// readLogoutRequest checks that the browser may be sent to post_logout_redirect_uri. The client is that of the hint, if
// there was one, or else the one client_id names.
func (p *Provider) readLogoutRequest(form url.Values, client *Client) (logoutRequest, error) {
	id, target := form.Get("client_id"), form.Get("post_logout_redirect_uri")
	if repeated(form) != "" {
		return logoutRequest{}, &pageError{http.StatusBadRequest, "A parameter is there more than once."}
	}
	if client == nil {
		client = p.clients[id]
	}
	if id != "" && (client == nil || client.ID != id) {
		return logoutRequest{}, &pageError{http.StatusBadRequest, "This client_id is unknown or not that of the hint."}
	}
	if target != "" && (client == nil || !slices.Contains(client.PostLogoutRedirectURIs, target)) {
		return logoutRequest{}, &pageError{http.StatusBadRequest,
			"This post_logout_redirect_uri is not registered for the application, or nothing says which one asks."}
	}
	return logoutRequest{target, form.Get("state")}, nil
}

// EndSessions ends all sessions of the account, as if its person had signed out in every browser: their tokens are
// void at once, and the clients hear of it by back-channel logout. See Wait.
func (p *Provider) EndSessions(ctx context.Context, username string) {
	var ended []string
	p.mu.Lock()
	for s := range p.sessions.all(p.now()) {
		if s.username == username {
			ended = append(ended, s.id)
		}
	}
	p.mu.Unlock()
	p.end(ctx, ended...)
}

// Wait returns when every back-channel logout that was due before the call has been delivered or has failed.
func (p *Provider) Wait() { p.posts.Wait() }

// end ends sessions, and with them their tokens, and tells the clients that had a login in them. Unknown ones are
// skipped.
func (p *Provider) end(ctx context.Context, ids ...string) {
	ctx = context.WithoutCancel(ctx) // the posts go on after the answer to the browser
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		s, ok := p.sessions.get(p.now(), id)
		if !ok {
			continue
		}
		p.sessions.delete(id)
		for clientID := range s.clients {
			if c := p.clients[clientID]; c.BackchannelLogoutURI != "" {
				p.posts.Go(func() { p.notify(ctx, c, s) })
			}
		}
	}
}

func (p *Provider) notify(ctx context.Context, c *Client, s session) {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	if err := p.postLogout(ctx, c, s); err != nil {
		p.log.WarnContext(ctx, "devidp: back-channel logout failed", "client", c.ID, "err", err)
	}
}

// postLogout sends the logout token of Back-Channel Logout 1.0 §2.4 and §2.5.
func (p *Provider) postLogout(ctx context.Context, c *Client, s session) error {
	now := p.now()
	token, err := p.sign(logoutTokenType, map[string]any{
		"iss":    p.issuer,
		"aud":    c.ID,
		"iat":    now.Unix(),
		"exp":    now.Add(logoutLife).Unix(),
		"jti":    random(),
		"sub":    s.subject,
		"sid":    s.id,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": struct{}{}},
	})
	if err != nil {
		return err
	}
	body := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackchannelLogoutURI, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxBody) // so that the connection can be used again
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}
