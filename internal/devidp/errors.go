package devidp

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

// pageError is shown to the person, because no client can be trusted with it.
type pageError struct {
	status int
	text   string
}

func (e *pageError) Error() string { return e.text }

// redirectError goes back to the client through the browser (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6).
type redirectError struct {
	request           authRequest
	code, description string
}

func (e *redirectError) Error() string { return e.code + ": " + e.description }

// endpointError answers a request that a client made itself (RFC 6749 §5.2, RFC 6750 §3.1).
type endpointError struct {
	status            int
	code, description string
	challenge         string // WWW-Authenticate, if any
}

func (e *endpointError) Error() string { return e.code + ": " + e.description }

// fail is the only place that writes an error of a route.
func (p *Provider) fail(w http.ResponseWriter, r *http.Request, err error) {
	var (
		page     *pageError
		back     *redirectError
		endpoint *endpointError
	)
	switch {
	case errors.As(err, &back):
		p.answer(w, back.request, url.Values{"error": {back.code}, "error_description": {back.description}})
		return
	case errors.As(err, &endpoint):
		if endpoint.challenge != "" {
			w.Header().Set("WWW-Authenticate", endpoint.challenge)
		}
		writeJSON(w, endpoint.status, map[string]any{
			"error": endpoint.code, "error_description": endpoint.description,
		})
		return
	case errors.As(err, &page):
	default:
		p.log.ErrorContext(r.Context(), "devidp: request failed", "path", r.URL.Path, "err", err)
		page = &pageError{http.StatusInternalServerError, "The development provider failed; its log says why."}
	}
	if err := p.render(w, page.status, "message", view{Title: "That did not work", Text: page.text}); err != nil {
		p.log.ErrorContext(r.Context(), "devidp: no error page", "err", err)
		http.Error(w, page.text, page.status)
	}
}

// writeJSON writes claims, tokens and errors, none of which a cache may keep.
func writeJSON(w http.ResponseWriter, status int, v map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1 wants it beside no-store
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only when nobody reads any more
}
