package handlers

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// What can be wrong with a request beyond what the store and auth say.
var (
	errNoPage    = errors.New("no such page")
	errMethod    = errors.New("method not allowed")
	errForeign   = errors.New("request came from another site")
	errSignedOut = errors.New("signed out")
	errTooFast   = errors.New("too many requests")
	errMalformed = errors.New("malformed request")
)

// problems maps errors to answers, the first match wins. Actions without a link lead to where the request belongs.
var problems = []struct {
	err error
	views.Problem
}{
	{store.ErrNotFound, views.Problem{Status: 404, Title: "There is nothing here",
		Text: "This room or message does not exist, or it is not open to you.", Action: "See the rooms", Href: views.DashboardURL()}},
	{errNoPage, views.Problem{Status: 404, Title: "There is nothing here",
		Text: "The address may be mistyped, or what it named is gone.", Action: "See the rooms", Href: views.DashboardURL()}},
	{store.ErrForbidden, views.Problem{Status: 403, Title: "That is not yours to do",
		Text: "You may read this, but not change it."}},
	{errForeign, views.Problem{Status: 403, Title: "That came from another site",
		Text: "For your safety, forms are only taken from our own pages. Open the page here and try again.", Action: "See the rooms", Href: views.DashboardURL()}},
	{store.ErrConflict, views.Problem{Status: 409, Title: "That has changed meanwhile",
		Text: "Somebody was faster: what you wanted to change is not as it was. Look again and try once more."}},
	{errSignedOut, views.Problem{Status: 401, Title: "You are signed out",
		Text: "Your session has ended. Log in again; what you wrote is still here.", Action: "Log In"}},
	{errTooFast, views.Problem{Status: 429, Title: "A little slower, please",
		Text: "That was a lot in a short time. Wait a moment and try again; nothing is lost."}},
	{errMethod, views.Problem{Status: 405, Title: "That can't be done here",
		Text: "This address does not take that kind of request."}},
	{errMalformed, views.Problem{Status: 400, Title: "That request was garbled",
		Text: "Something in it could not be understood. Go back and try again."}},
	{store.ErrUnavailable, views.Problem{Status: 503, Title: "The database does not answer",
		Text: "It is usually back in a moment. What you wrote is still here; try again soon."}},
	{auth.ErrStale, views.Problem{Status: 400, Title: "This sign-in has expired",
		Text: "It was used already, took longer than ten minutes, or began in another browser. Nothing is wrong; just start again.", Action: "Try again", Href: views.LogInURL("")}},
	{auth.ErrDenied, views.Problem{Status: 403, Title: "You were not signed in",
		Text: "The sign-in was cancelled, or your identity provider said no. You can try again whenever you like.", Action: "Try again", Href: views.LogInURL("")}},
	{auth.ErrProviderDown, views.Problem{Status: 503, Title: "The identity provider does not answer",
		Text: "We could not reach the service that signs you in. It is usually back in a moment.", Action: "Try again", Href: views.LogInURL("")}},
	{auth.ErrProviderAnswer, views.Problem{Status: 502, Title: "The identity provider reported a problem",
		Text: "It sent you back without signing you in. Try again; if it stays, tell whoever runs this site.", Action: "Try again", Href: views.LogInURL("")}},
	{auth.ErrNotAllowed, views.Problem{Status: 403, Title: "This site is not for that account",
		Text: "You signed in all right, but whoever runs this site lets in only certain groups or addresses, and yours is not among them. Ask them if you think it should be.", Action: "Try again", Href: views.LogInURL("")}},
	{auth.ErrDeactivated, views.Problem{Status: 403, Title: "You can't come in here any more",
		Text: "Your identity provider knows you, but an administrator of this site has closed it to you. Ask them if you think it should be open.", Action: "Go home", Href: views.HomeURL()}},
	{auth.ErrWeak, views.Problem{Status: 403, Title: "That was not quite enough",
		Text: "The room asks for a more recent or a stronger sign-in than your identity provider vouches for. If you were signed in before, you still are.", Action: "See the rooms", Href: views.DashboardURL()}},
	{auth.ErrLogoutToken, views.Problem{Status: 400, Title: "That logout token was refused",
		Text: "It is missing, not from the identity provider, too old, or was used before."}},
	{auth.ErrUntrusted, views.Problem{Status: 502, Title: "We could not be sure it is you",
		Text: "What the identity provider told us did not pass our checks, so nobody was signed in. Try again; if it stays, tell whoever runs this site.", Action: "Try again", Href: views.LogInURL("")}},
}

// problemOf returns the answer to an error. What is not in the table is a fault of ours.
func problemOf(r *http.Request, err error) views.Problem {
	problem := views.Problem{Status: 500, Title: "Something broke on our side",
		Text: "It was noted and somebody will look at it. Please try again in a moment."}
	var invalid *store.InvalidError
	var tooLarge *http.MaxBytesError
	var confirm *confirmError
	switch {
	case errors.As(err, &invalid):
		problem = views.Problem{Status: 422, Title: "That can't be sent like this", Text: invalid.Reason}
	case errors.As(err, &tooLarge):
		problem = views.Problem{Status: 413, Title: "That is too large",
			Text: "A message has at most 8,000 characters. Split it in two and send it again."}
	case errors.As(err, &confirm):
		slug := confirm.room.Slug
		problem = views.Problem{Status: 403, Title: "This room wants to know that it is you",
			Text:   "It asks for " + confirm.room.Demand.String() + ", and yours was another. What you wrote is still here.",
			Action: "Confirm it's you", Href: views.ConfirmURL(slug, views.RoomURL(slug)), Onward: true}
	default:
		for _, row := range problems {
			if errors.Is(err, row.err) {
				problem = row.Problem
				break
			}
		}
	}
	back := views.HomeURL()
	if _, ok := auth.Viewer(r.Context()); ok || strings.HasPrefix(r.URL.Path, "/chat/") {
		back = views.DashboardURL()
	}
	if slug := chi.URLParam(r, "room"); slug != "" && problem.Status != http.StatusNotFound {
		back = views.RoomURL(slug)
	}
	if problem.Action == "" {
		problem.Action = "Go back"
	}
	if problem.Href == "" {
		problem.Href = back
		if problem.Status == http.StatusUnauthorized {
			problem.Href = views.LogInURL(back)
		}
	}
	return problem
}

// fail and failStream are the only places that write an error. This one sends a page, or a fragment for the flash area of
// the page that asked.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var confirm *confirmError
	if errors.As(err, &confirm) && r.Method != http.MethodPost && !isHTMX(r) {
		// Nothing is lost by going to the provider at once. If it can't vouch for what is asked, that is where it ends.
		http.Redirect(w, r, views.StepUpURL(confirm.room.Slug, here(r)), http.StatusSeeOther)
		return
	}
	problem := problemOf(r, err)
	s.logFault(w, r, problem, err)
	if problem.Status == http.StatusInternalServerError {
		problem.RequestID = requestID(w)
	}
	if problem.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if wantsFragment(r) {
		err = s.render(w, r, problem.Status, views.Flashed(problem))
	} else {
		problem.Draft = draft(r)
		page := s.page(r, problem.Title)
		page.Unsure = errors.Is(err, store.ErrUnavailable)
		err = s.render(w, r, problem.Status, views.Error(page, problem))
	}
	if err != nil {
		s.Logger.ErrorContext(r.Context(), "drawing an error", "id", requestID(w), "error", err)
	}
}

// failStream is fail for streams, whose reader is a script: one line of text.
func (s *Server) failStream(w http.ResponseWriter, r *http.Request, err error) {
	problem := problemOf(r, err)
	s.logFault(w, r, problem, err)
	http.Error(w, problem.Title+".", problem.Status)
}

// backchannel adapts a handler that answers the provider itself: no page, and no body that could tell it anything.
func (s *Server) backchannel(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		problem := problemOf(r, err)
		s.logFault(w, r, problem, err)
		if errors.Is(err, auth.ErrProviderDown) {
			problem.Status = http.StatusBadRequest // its keys can't be had: the token can't be believed
		}
		http.Error(w, problem.Title+".", problem.Status)
	}
}

// logFault logs faults of ours and of the provider, here and nowhere else; that a browser has gone away is nobody's.
func (s *Server) logFault(w http.ResponseWriter, r *http.Request, problem views.Problem, err error) {
	if problem.Status >= 500 && r.Context().Err() == nil {
		s.Logger.ErrorContext(r.Context(), "request failed", "id", requestID(w), "path", r.URL.EscapedPath(), "error", err)
	}
}

// draft returns the words a failed form carried, so that the error page can show them.
func draft(r *http.Request) string {
	if r.Method != http.MethodPost || parseForm(r) != nil {
		return ""
	}
	return strings.ToValidUTF8(r.PostForm.Get("body"), "\uFFFD")
}
