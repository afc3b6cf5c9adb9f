package doctor

import (
	"context"
	"errors"
	"strings"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// rehearse has somebody sign in, on whatever device, and reports what the provider says about them.
func (d *doctor) rehearse(ctx context.Context, p *metadata) {
	d.print("\nOpen this on any device and sign in. It signs nobody in here:\n\n         %s\n\nWaiting for %s at most …\n\n",
		d.at(views.RehearseURL(d.ticket)), short(d.Patience))
	outcome, err := d.wait(ctx)
	if err != nil {
		d.Warn("Run this again when somebody is there, or with -no-rehearsal.", "There was no rehearsed sign-in: %s.", err)
		return
	}
	r, err := auth.ParseRehearsed(outcome)
	if err != nil {
		d.Fail("Use the same version for both.", "The site tells nothing that is understood here: %s.", err)
		return
	}
	if r.Error != "" {
		d.Fail(remedyFor(r.Error), "The rehearsed sign-in failed: %s.", r.Error)
		return
	}
	d.OK("The rehearsed sign-in passed all checks.")
	d.person(r)
	d.groups(r)
	d.session(r, p)
	d.decision(r)
}

// wait returns what became of the rehearsal.
func (d *doctor) wait(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Patience, errors.New("nobody came in time"))
	defer cancel()
	again := time.NewTicker(d.Look)
	defer again.Stop()
	for {
		outcome, err := d.Store.Rehearsal(ctx, auth.KeptRehearsal(d.ticket))
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return "", errors.New("it was stopped")
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case errors.Is(err, store.ErrUnavailable): // it is usually back in a moment
		case err != nil, outcome != "":
			return outcome, err
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
}

// remedyFor says what helps against a sign-in's error.
func remedyFor(text string) string {
	for _, c := range []struct {
		err    error
		remedy string
	}{
		{auth.ErrDenied, "Look whether this person is assigned to the application at the provider, and did not cancel."},
		{auth.ErrProviderDown, "Let the machine that the site runs on reach the provider's token endpoint and keys."},
		{auth.ErrProviderAnswer, "Compare OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_SCOPES with what the provider has for this client."},
		{auth.ErrUntrusted, "The provider sends something else than it should. Look at its settings for this client, beginning with what the text names."},
	} {
		if strings.HasPrefix(text, c.err.Error()) {
			return c.remedy
		}
	}
	return "Look into the site's log."
}

// person reports who came, by which claims.
func (d *doctor) person(r auth.Rehearsed) {
	d.OK("It was %s, whose subject is %s. Claims: %s.", r.Name, r.Subject, list(r.Claims))
	if r.Name == r.Subject {
		d.Warn("Ask for the scope profile in OIDC_SCOPES, and let the provider release it.", "No name came: others would see the subject.")
	}
	if r.Email == "" {
		d.Warn("Ask for the scope email in OIDC_SCOPES, and let the provider release it.", "No e-mail address came: letstalk admin can't find people by it.")
	} else {
		d.OK("The e-mail address is %s.", r.Email)
	}
	if r.InfoDown {
		d.Warn("Let the machine that the site runs on reach the userinfo endpoint.", "The userinfo endpoint did not answer: what it alone knows was missing.")
	}
}

// groups reports whether what the rules are about came.
func (d *doctor) groups(r auth.Rehearsed) {
	p := d.Policy
	matter := len(p.AdminGroups)+len(p.AllowedGroups)+len(p.Rules) > 0
	switch {
	case len(r.Groups) > 0:
		d.OK("Groups, by the claim %s: %s.", p.GroupsClaim, list(r.Groups))
		if r.Note != "" {
			d.Warn("Have the provider send only those that matter here.", "About the groups: %s.", r.Note)
		}
	case !matter:
		d.OK("No groups came, and nothing depends on them.")
	case r.Known:
		d.Warn("If this person should be in some, have the provider put them into the ID token or userinfo, and set OIDC_GROUPS_CLAIM to the claim's name.",
			"No groups came%s. This person is in none, or the provider does not tell.", because(r.Note))
	default:
		d.Fail("Have the provider put groups into the ID token or userinfo, and set OIDC_GROUPS_CLAIM to the claim's name.",
			"It can't be known in which groups this person is%s.", because(r.Note))
	}
}

func because(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

// session reports what can be done with the login later.
func (d *doctor) session(r auth.Rehearsed, p *metadata) {
	switch {
	case r.Refresh && d.Recheck > 0:
		d.OK("A refresh token came: every %s of use the provider is asked whether the person is still welcome.", short(d.Recheck))
	case r.Refresh:
		d.OK("A refresh token came, and is not used (SESSION_RECHECK).")
	case d.Recheck > 0:
		d.Warn("Add offline_access to OIDC_SCOPES, or allow refresh tokens for this client at the provider. See the README for yours.",
			"No refresh token came: until people sign in again nobody is asked whether they are still welcome.")
	}
	switch {
	case r.SID:
		d.OK("The provider says which of its sessions this is (sid).")
	case p.Backchannel && p.BackchannelSID:
		d.Warn("See whether the provider can put sid into ID tokens (\"session required\").",
			"The provider does not say which of its sessions this is (sid): signing out there ends all of the person's sessions here, or none.")
	case p.Backchannel:
		d.OK("The provider does not say which of its sessions this is (sid): signing out there ends all of the person's sessions here.")
	}
	if r.AuthAt.IsZero() {
		d.Warn("Try it in a room that asks for a fresh sign-in: many providers tell only then.", "The provider does not say when the person proved who they are (auth_time).")
	} else {
		d.OK("The person proved who they are %s ago (auth_time).", short(d.Now().Sub(r.AuthAt).Round(time.Second)))
	}
	if r.ACR != "" {
		d.OK("They did so by %s (acr).", r.ACR)
	}
}

// decision reports what would become of the person.
func (d *doctor) decision(r auth.Rehearsed) {
	if r.Refused != "" {
		d.Warn("If they should be let in, look at ALLOWED_GROUPS and ALLOWED_DOMAINS, or at what the provider says about them.",
			"This person would not be let in: %s", r.Refused)
		return
	}
	d.OK("This person would be let in.")
	if r.Access == nil {
		return
	}
	if r.Access.Admin != "" {
		d.OK("They would be an administrator: %s.", r.Access.Admin)
	} else if len(d.Policy.AdminGroups) > 0 {
		d.OK("They would be no administrator: they are in none of ADMIN_GROUPS.")
	}
	for _, g := range r.Access.Rooms {
		d.OK("They would be %s of %s: %s.", g.Role, g.Room, g.Claim)
	}
}
