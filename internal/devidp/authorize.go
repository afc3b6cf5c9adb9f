package devidp

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authRequest is a checked authorization request: its answer may go to its redirect URI.
type authRequest struct {
	client      *Client
	redirectURI string
	state       string
	nonce       string
	challenge   string
	scopes      []string
	prompts     []string
	maxAge      time.Duration // negative when not asked for
	acrWish     string        // the first of acr_values that there is here; empty if none was asked for
	loginHint   string
	subject     string // of the id_token_hint, if any
}

func (q authRequest) error(code, description string) error {
	return &redirectError{q, code, description}
}

// answer sends params to the client with what belongs to every answer: its state and, by RFC 9207, who answers.
func (p *Provider) answer(w http.ResponseWriter, q authRequest, params url.Values) {
	if q.state != "" {
		params.Set("state", q.state)
	}
	params.Set("iss", p.issuer)
	redirect(w, q.redirectURI, params)
}

// newLogin is the authorization endpoint. Unless the client wants no page (prompt=none) it offers all accounts, so
// that a developer can be two people in two browsers.
func (p *Provider) newLogin(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	q, err := p.readAuthRequest(form)
	if err != nil {
		return err
	}
	s, signedIn := p.browserSession(r)
	if slices.Contains(q.prompts, "none") {
		if !signedIn || !q.contentWith(s, p.now()) {
			return q.error("login_required", "nobody is signed in who would do")
		}
		if a, _ := p.people.account(s.username); a.Disabled {
			return q.error("access_denied", "the account is disabled")
		}
		p.answer(w, q, url.Values{"code": {p.newCode(q, s)}})
		return nil
	}
	target, err := url.Parse(q.redirectURI)
	if err != nil {
		return err
	}
	v := view{
		Title:  "Who are you today?",
		Ticket: newTicket(p, p.logins, w, r, q),
		Client: q.client.ID,
		Origin: origin(target),
		Strong: q.acrWish == strong,
	}
	if signedIn {
		v.Current = p.name(s)
	}
	for _, a := range p.people.all() {
		if q.loginHint != "" && (q.loginHint == a.Username || q.loginHint == a.Email) || q.subject == a.Subject {
			v.Hinted = a.Username
		}
	}
	v.Accounts = p.offered(v.Hinted)
	w.Header().Set("Content-Security-Policy", contentPolicy(q.redirectURI))
	return p.render(w, http.StatusOK, "login", v)
}

// newLoginFromPost turns a posted request into a GET: Lax cookies do not come with another site's form, and without
// them the browser's session would go unseen.
func (p *Provider) newLoginFromPost(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	redirect(w, p.prefix+"/authorize", form)
	return nil
}

// createLogin takes the login page's form: the person picked an account or refused.
func (p *Provider) createLogin(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	q, ok := takeTicket(p, p.logins, r)
	if !ok {
		return &pageError{http.StatusForbidden, "This sign-in page was made for another browser, was used before " +
			"or is older than ten minutes. Please go back to the application and sign in again."}
	}
	if form.Get("refuse") != "" {
		return q.error("access_denied", "the person refused")
	}
	account, ok := p.people.account(form.Get("account"))
	switch {
	case !ok:
		return &pageError{http.StatusBadRequest, "There is no such account."}
	case account.Disabled:
		return q.error("access_denied", "the account is disabled")
	}
	acr := weak
	if form.Get("second_factor") != "" {
		acr = strong
	}
	p.answer(w, q, url.Values{"code": {p.newCode(q, p.signIn(w, r, account, acr))}})
	return nil
}

// signIn gives the browser a session of account. Coming back as the same person renews the session there is; another
// person gets a new one, and the former lives on for the clients that have it until it is ended or expires.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request, account Account, acr string) session {
	p.mu.Lock() // over look-up and renewal, or a session that ends in between would come back
	defer p.mu.Unlock()
	s, ok := p.lookUpSession(r)
	if !ok || s.username != account.Username {
		cookie := random()
		s = session{
			id: sessionID(cookie), username: account.Username, subject: account.Subject, clients: make(map[string]bool),
		}
		p.setCookie(w, sessionCookie, cookie, 0)
	}
	s.authTime, s.acr = p.now(), acr
	p.sessions.put(s.authTime, s.id, s)
	return s
}

func (p *Provider) newCode(q authRequest, s session) string {
	code := random()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes.put(p.now(), code, &authCode{
		grant: &grant{
			client: q.client, username: s.username, scopes: q.scopes,
			nonce: q.nonce, sid: s.id, authTime: s.authTime, acr: s.acr,
		},
		redirectURI: q.redirectURI,
		challenge:   q.challenge,
		issued:      p.now(),
	})
	return code
}

// contentWith reports whether the session answers the request without the person being asked. The strength is not looked
// at: by acr_values a client only says what it would like (OpenID Connect Core 1.0 §3.1.2.1), and the token says what it got.
func (q authRequest) contentWith(s session, now time.Time) bool {
	return (q.maxAge < 0 || now.Sub(s.authTime) <= q.maxAge) && (q.subject == "" || q.subject == s.subject)
}

// challengePattern is what S256 makes: 32 bytes in base64url (RFC 7636 §4.2).
var challengePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// readAuthRequest checks client and redirect URI first, because until both are known to belong together nothing may be
// sent there (RFC 6749 §4.1.2.1). Every error after that goes to the client.
func (p *Provider) readAuthRequest(form url.Values) (authRequest, error) {
	again := repeated(form)
	client := p.clients[form.Get("client_id")]
	if client == nil || again == "client_id" {
		return authRequest{}, &pageError{http.StatusBadRequest, "No application with this client_id is known here."}
	}
	redirectURI := form.Get("redirect_uri")
	if !slices.Contains(client.RedirectURIs, redirectURI) || again == "redirect_uri" {
		return authRequest{}, &pageError{http.StatusBadRequest, "This redirect_uri is not registered for the application."}
	}
	q := authRequest{
		client:      client,
		redirectURI: redirectURI,
		state:       form.Get("state"),
		nonce:       form.Get("nonce"),
		challenge:   form.Get("code_challenge"),
		scopes:      supported(strings.Fields(form.Get("scope"))),
		prompts:     strings.Fields(form.Get("prompt")),
		maxAge:      -1,
		acrWish:     acrWish(strings.Fields(form.Get("acr_values"))),
		loginHint:   form.Get("login_hint"),
	}
	switch {
	case again != "":
		return q, q.error("invalid_request", "a parameter is there more than once")
	case form.Get("request") != "":
		return q, q.error("request_not_supported", "request objects are not supported")
	case form.Get("request_uri") != "":
		return q, q.error("request_uri_not_supported", "request_uri is not supported")
	case form.Get("registration") != "":
		return q, q.error("registration_not_supported", "registration is not supported")
	case form.Get("response_type") == "":
		return q, q.error("invalid_request", "response_type is missing")
	case form.Get("response_type") != "code":
		return q, q.error("unsupported_response_type", "response_type must be code")
	case form.Get("response_mode") != "" && form.Get("response_mode") != "query":
		return q, q.error("invalid_request", "response_mode must be query")
	case !slices.Contains(q.scopes, "openid"):
		return q, q.error("invalid_scope", "scope must contain openid")
	case form.Get("code_challenge_method") != "S256":
		return q, q.error("invalid_request", "code_challenge_method must be S256")
	case !challengePattern.MatchString(q.challenge):
		return q, q.error("invalid_request", "code_challenge is missing or not made by S256")
	case len(q.prompts) > 1 && slices.Contains(q.prompts, "none"):
		return q, q.error("invalid_request", "prompt none excludes others")
	case slices.ContainsFunc(q.prompts, func(s string) bool { return !slices.Contains(prompts(), s) }):
		return q, q.error("invalid_request", "prompt has an unknown value")
	}
	if raw := form.Get("max_age"); raw != "" {
		seconds, err := strconv.ParseUint(raw, 10, 31)
		if err != nil {
			return q, q.error("invalid_request", "max_age must be a number of seconds")
		}
		q.maxAge = time.Duration(seconds) * time.Second
	}
	if raw := form.Get("id_token_hint"); raw != "" {
		hint, err := p.readHint(raw)
		if err != nil {
			return q, q.error("invalid_request", "id_token_hint is not an ID token of this provider")
		}
		q.subject = hint.Subject
	}
	return q, nil
}

func scopes() []string  { return []string{"openid", "profile", "email", "groups", "offline_access"} }
func prompts() []string { return []string{"none", "login", "select_account", "consent"} }

// supported drops the scopes nobody here knows, as OpenID Connect Core 1.0 §3.1.2.1 asks.
func supported(asked []string) []string {
	return slices.DeleteFunc(scopes(), func(s string) bool { return !slices.Contains(asked, s) })
}

// readForm returns the query of a GET and the body of a POST: a posted form gains nothing from its address.
func readForm(r *http.Request) (url.Values, error) {
	err := r.ParseForm()
	if len(r.URL.RawQuery) > maxQuery {
		err = errors.New("query too long")
	}
	if err != nil {
		return nil, &pageError{http.StatusBadRequest, "The request is malformed or too large."}
	}
	if r.Method == http.MethodPost {
		return r.PostForm, nil
	}
	return r.Form, nil
}

// repeated returns the name of a parameter that is there more than once, which RFC 6749 §3.1 and §3.2 forbid. It
// prefers the two that decide where an answer goes.
func repeated(form url.Values) string {
	again := ""
	for name, values := range form {
		if len(values) > 1 && again != "client_id" && again != "redirect_uri" {
			again = name
		}
	}
	return again
}
