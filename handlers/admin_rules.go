package handlers

import (
	"errors"
	"net/http"
	"strings"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

func (s *Server) showRules(w http.ResponseWriter, r *http.Request) error {
	lines := make([]string, len(s.Policy.Rules))
	for i, rule := range s.Policy.Rules {
		lines[i] = rule.String()
	}
	return s.renderRules(w, r, http.StatusOK, views.Trial{
		Rules: strings.Join(lines, "\n"), Claims: views.ClaimsExample(s.Policy.GroupsClaim),
	})
}

// tryRules shows what rules make of claims. It changes nothing.
func (s *Server) tryRules(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	t := views.Trial{Rules: field(r, "rules"), Claims: field(r, "claims")}
	policy := s.Policy
	var err error
	if policy.Rules, err = auth.ParseRules(strings.ReplaceAll(t.Rules, "\n", ",")); err != nil {
		t.Field, t.Flash = "rules", err.Error()
		return s.renderRules(w, r, http.StatusUnprocessableEntity, t)
	}
	decision, err := policy.Try([]byte(t.Claims))
	var invalid *store.InvalidError
	switch {
	case errors.As(err, &invalid):
		t.Field, t.Flash = invalid.Field, invalid.Reason
		return s.renderRules(w, r, http.StatusUnprocessableEntity, t)
	case err != nil:
		return err
	}
	t.Result = &views.Verdict{Refused: decision.Refused, Known: decision.Access != nil, Note: decision.Note, Groups: decision.Groups}
	if decision.Access != nil {
		t.Result.Access = *decision.Access
	}
	return s.renderRules(w, r, http.StatusOK, t)
}

func (s *Server) renderRules(w http.ResponseWriter, r *http.Request, status int, t views.Trial) error {
	policy := views.Policy{
		GroupsClaim: s.Policy.GroupsClaim, AdminGroups: s.Policy.AdminGroups,
		AllowedGroups: s.Policy.AllowedGroups, AllowedDomains: s.Policy.AllowedDomains,
	}
	for _, rule := range s.Policy.Rules {
		policy.Rules = append(policy.Rules, views.Rule{Pattern: rule.Pattern, Room: rule.Room, Role: rule.Role})
	}
	return s.render(w, r, status, views.RulesPage(s.livePage(r, "Rules"), policy, t))
}

// field returns what was written into a field, with line ends as we have them.
func field(r *http.Request, name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(r.PostForm.Get(name), "\uFFFD"), "\r\n", "\n")
}
