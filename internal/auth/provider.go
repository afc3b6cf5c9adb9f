package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	// refreshAfter is the age at which the discovery document, and with it the keys, are fetched anew. It bounds how
	// long a key the provider has withdrawn is believed.
	refreshAfter = time.Hour
	// retryAfter keeps a crowd at the door from hammering a provider that is down.
	retryAfter = 2 * time.Second
)

// metadata is what we read of the provider's discovery document.
type metadata struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	UserInfo      string   `json:"userinfo_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	SendsIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
}

// check reports an endpoint that is missing or that no secret may be sent to. Only a provider on this machine can have
// endpoints there without TLS: another could have us talk to what listens here and trusts its neighbours.
func (m metadata) check(issuer string) error {
	local := strings.HasPrefix(issuer, "http:")
	for _, e := range []struct {
		name, url string
		optional  bool
	}{
		{name: "authorization_endpoint", url: m.Authorization},
		{name: "token_endpoint", url: m.Token},
		{name: "jwks_uri", url: m.Keys},
		{name: "userinfo_endpoint", url: m.UserInfo, optional: true},
		{name: "end_session_endpoint", url: m.EndSession, optional: true},
	} {
		if e.url == "" && e.optional {
			continue
		}
		if u, err := url.Parse(e.url); err != nil || !isEndpoint(u) || u.Scheme == "http" && !local {
			return fmt.Errorf("discovery document has no proper %s", e.name)
		}
	}
	return nil
}

// provider is the identity provider as its discovery document describes it.
type provider struct {
	metadata
	issuer string
	keys   *keySet
	oauth  oauth2.Config
	client *http.Client
}

// discovery finds out about the provider when somebody needs it, so that the program starts while the provider is down.
type discovery struct {
	cfg       Config
	transport *transport
	client    *http.Client
	flights   singleflight.Group

	mu        sync.Mutex
	current   *provider
	fetchedAt time.Time
	failure   error
	failedAt  time.Time
}

func newDiscovery(cfg Config) *discovery {
	t := newTransport(cfg.Now)
	return &discovery{cfg: cfg, transport: t, client: t.client()}
}

// known returns what was last found out, however old, or nil.
func (d *discovery) known() *provider {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current
}

// provider returns the provider, asking it about itself first if that is due. A provider that was known stays known
// while it is down.
func (d *discovery) provider(ctx context.Context) (*provider, error) {
	if p, err := d.recall(); p != nil || err != nil {
		return p, err
	}
	// All who wait share one request, which must not end with the first of them to go away.
	flight := d.flights.DoChan("", func() (any, error) { return d.refresh(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: discovery: %w", ErrProviderDown, ctx.Err())
	case result := <-flight:
		p, _ := result.Val.(*provider)
		return p, result.Err
	}
}

// recall returns what is known if that is still good enough, or nothing if the provider has to be asked.
func (d *discovery) recall() (*provider, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.Now()
	switch {
	case d.current != nil && now.Sub(d.fetchedAt) < refreshAfter:
		return d.current, nil
	case d.failure != nil && now.Sub(d.failedAt) < retryAfter:
		if d.current != nil {
			return d.current, nil
		}
		return nil, d.failure
	}
	return nil, nil
}

func (d *discovery) refresh(ctx context.Context) (*provider, error) {
	if p, err := d.recall(); p != nil || err != nil {
		return p, err // another flight landed meanwhile
	}
	p, err := d.fetch(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failure, d.failedAt = fmt.Errorf("%w: discovery: %s", ErrProviderDown, brief(err)), d.cfg.Now()
		if d.current != nil {
			return d.current, nil
		}
		return nil, d.failure
	}
	d.current, d.fetchedAt, d.failure = p, d.cfg.Now(), nil
	return p, nil
}

func (d *discovery) fetch(ctx context.Context) (*provider, error) {
	ctx = oidc.ClientContext(ctx, d.client)
	op, err := oidc.NewProvider(ctx, d.cfg.Issuer)
	if err != nil {
		return nil, err
	}
	p := &provider{issuer: d.cfg.Issuer, client: d.client}
	if err := op.Claims(&p.metadata); err != nil {
		return nil, err
	}
	if err := p.metadata.check(d.cfg.Issuer); err != nil {
		return nil, err
	}
	d.transport.limit(p.Keys)
	p.keys = &keySet{address: p.Keys, client: d.client}
	endpoint := op.Endpoint()
	endpoint.AuthStyle = p.authStyle(d.cfg.ClientSecret)
	p.oauth = oauth2.Config{
		ClientID:     d.cfg.ClientID,
		ClientSecret: d.cfg.ClientSecret,
		Endpoint:     endpoint,
		RedirectURL:  d.cfg.BaseURL.JoinPath(CallbackPath).String(),
		Scopes:       d.cfg.Scopes,
	}
	return p, nil
}

// authStyle returns how the client proves itself. It is never left to trial: that sends a code twice.
func (m metadata) authStyle(secret string) oauth2.AuthStyle {
	basic := len(m.AuthMethods) == 0 || slices.Contains(m.AuthMethods, "client_secret_basic")
	if secret == "" || !basic && slices.Contains(m.AuthMethods, "client_secret_post") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// exchange turns a code into tokens.
func (p *provider) exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	token, err := p.oauth.Exchange(oidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, tokenError(ctx, err)
	}
	return token, checkBearer(token)
}

// checkBearer reports an access token that is not for whoever bears it: we could not prove that it is ours, and x/oauth2
// would send it along with whatever word it came with.
func checkBearer(t *oauth2.Token) error {
	if !strings.EqualFold(t.Type(), "bearer") {
		return fmt.Errorf("%w: token endpoint gave an access token of another type", ErrProviderAnswer)
	}
	return nil
}

// tokenError says why the token endpoint gave no tokens.
func tokenError(ctx context.Context, err error) error {
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) {
		return unavailable(ctx, "token endpoint", err)
	}
	// Its text holds the body of the answer, and that may hold anything.
	status := refusal.Response.StatusCode
	kind := ErrProviderAnswer
	if status >= 300 && status < 400 || status >= 500 || status == http.StatusTooManyRequests {
		kind = ErrProviderDown
	}
	return fmt.Errorf("%w: token endpoint: status %d, error %s", kind, status, errorCode(refusal.ErrorCode))
}

// unavailable wraps a failure to talk to the provider. It keeps the identity of one thing only: that whoever asked has
// gone away.
func unavailable(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %s: %w", ErrProviderDown, what, ctx.Err())
	}
	return fmt.Errorf("%w: %s: %s", ErrProviderDown, what, brief(err))
}

// errorCode returns an OAuth error code fit for a log: codes are words of lower case, anything else was made up.
func errorCode(code string) string {
	for _, r := range code {
		if r != '_' && (r < 'a' || r > 'z') {
			return "unknown"
		}
	}
	if code == "" || len(code) > 40 {
		return "unknown"
	}
	return code
}
