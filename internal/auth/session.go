package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"letstalk/store"
)

// loginKey is the one thing a session holds: the id of its login.
const loginKey = "login"

// tokenLength is how long the random values in cookies and in the state parameter are: 32 bytes as base64url.
const tokenLength = 43

// newSessions returns the session manager. It has no IdleTimeout: with one, scs writes a session back at the end of each
// request, and one that was deleted meanwhile would live again. It is a literal because scs.New starts a goroutine for a
// store in memory that we would not use.
func newSessions(s store.Sessions, cfg Config) *scs.SessionManager {
	return &scs.SessionManager{
		Lifetime:         cfg.Lifetime,
		Store:            sessionStore{s},
		Codec:            scs.GobCodec{},
		HashTokenInStore: true,
		Cookie: scs.SessionCookie{
			Name:     cookieName("session", cfg.secure()),
			Path:     "/",
			HttpOnly: true,
			Secure:   cfg.secure(),
			SameSite: http.SameSiteLaxMode,
			Persist:  true,
		},
	}
}

// cookieName returns the name of a cookie. The prefix makes browsers refuse one that a neighbouring host or an
// eavesdropper has planted; they know it on https only.
func cookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

type viewerKey struct{}

// Viewer returns the live login [Auth.Identify] found for the request.
func Viewer(ctx context.Context) (store.Login, bool) {
	login, ok := ctx.Value(viewerKey{}).(store.Login)
	return login, ok
}

// Identify returns middleware that finds the live login behind a request's cookie for [Viewer]. It writes neither the
// session nor a cookie, so it suits every route, streams included. Failures of the store are answered by onError.
func (a *Auth) Identify(onError func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			login, err := a.identify(r)
			switch {
			case errors.Is(err, store.ErrNotFound):
				next.ServeHTTP(w, r)
			case err != nil:
				onError(w, r, err)
			default:
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), viewerKey{}, login)))
			}
		})
	}
}

// identify returns the live login behind the request's cookie, or store.ErrNotFound.
func (a *Auth) identify(r *http.Request) (store.Login, error) {
	ctx := r.Context()
	login, err := a.viewers.Get(a.token(r), func() (store.Login, error) {
		_, id, err := a.session(ctx, r)
		if err != nil {
			return store.Login{}, err
		}
		if id == 0 {
			return store.Login{}, store.ErrNotFound
		}
		login, err := a.store.Login(ctx, id)
		if err != nil {
			return store.Login{}, fmt.Errorf("find login: %w", err)
		}
		return login, nil
	})
	if err != nil {
		return store.Login{}, err
	}
	if a.touches.due(login.ID, login.SeenAt, a.now()) {
		// The person is who they are even if that can't be written down now.
		if err := a.store.TouchLogin(ctx, login.ID); err != nil {
			a.log.WarnContext(ctx, "touch login", "login", login.ID, "error", err)
		}
	}
	if !login.RecheckAt.IsZero() && !a.now().Before(login.RecheckAt) {
		a.rechecks.want(login.ID)
	}
	return login, nil
}

// token returns the session token of the request's cookie, empty if there is none that could be ours.
func (a *Auth) token(r *http.Request) string {
	cookie, err := r.Cookie(a.sessions.Cookie.Name)
	if err != nil || len(cookie.Value) != tokenLength {
		return ""
	}
	return cookie.Value
}

// session loads the session of the request's cookie and the login id it holds, zero if it holds none. The context it
// returns is for the session manager only and must not reach a handler.
func (a *Auth) session(ctx context.Context, r *http.Request) (context.Context, store.LoginID, error) {
	ctx, err := a.sessions.Load(ctx, a.token(r))
	if err != nil {
		return nil, 0, fmt.Errorf("load session: %w", err)
	}
	return ctx, store.LoginID(a.sessions.GetInt64(ctx, loginKey)), nil
}

// startSession gives the browser a session with a new token that leads to a login and ends with it.
func (a *Auth) startSession(ctx context.Context, w http.ResponseWriter, login store.Login) error {
	ctx, err := a.sessions.Load(ctx, "")
	if err != nil {
		return err
	}
	a.sessions.Put(ctx, loginKey, int64(login.ID))
	a.sessions.SetDeadline(ctx, login.ExpiresAt)
	token, expires, err := a.sessions.Commit(ctx)
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	a.sessions.WriteSessionCookie(ctx, w, token, expires)
	return nil
}

// touches remembers which logins were touched lately, so that the requests of one page make one write.
type touches struct {
	every time.Duration

	mu    sync.Mutex
	last  map[store.LoginID]time.Time
	swept time.Time
}

// newTouches touches once a minute, or often enough for an idle limit so short that a minute would be late.
func newTouches(idle time.Duration) touches {
	every := time.Minute
	if idle > 0 {
		every = min(every, idle/4)
	}
	return touches{every: every, last: make(map[store.LoginID]time.Time)}
}

// due reports whether a login last seen then has to be touched now, and counts it as touched.
func (t *touches) due(id store.LoginID, seen, now time.Time) bool {
	if now.Sub(seen) < t.every {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.last[id]; ok && now.Sub(last) < t.every {
		return false
	}
	if now.Sub(t.swept) >= t.every {
		for other, last := range t.last {
			if now.Sub(last) >= t.every {
				delete(t.last, other)
			}
		}
		t.swept = now
	}
	t.last[id] = now
	return true
}

// sessionStore lets scs keep its sessions in our store.
type sessionStore struct{ sessions store.Sessions }

var _ scs.CtxStore = sessionStore{}

func (s sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	data, err := s.sessions.Session(ctx, token)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (s sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	return s.sessions.SaveSession(ctx, token, data, expires)
}

func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.sessions.DeleteSession(ctx, token)
}

func (s sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s sessionStore) Commit(token string, data []byte, expires time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expires)
}

func (s sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
