package config

import (
	"strings"
	"testing"
)

func TestLoadDatabaseURL(t *testing.T) {
	dotenv := file(t, "DATABASE_URL=sqlite:from-dotenv.db\nSESSION_KEY=short\nLISTEN=nowhere")
	for _, c := range []struct {
		name    string
		environ []string
		dotenv  string
		want    string
	}{
		{"nothing set", nil, nowhere(t), "sqlite:letstalk.db"},
		{"set to nothing", []string{"DATABASE_URL="}, nowhere(t), "sqlite:letstalk.db"},
		{"the .env file", []string{"SESSION_KEY_FILE=/nowhere"}, dotenv, "sqlite:from-dotenv.db"},
		{"the environment", []string{"DATABASE_URL=sqlite:a.db"}, dotenv, "sqlite:a.db"},
		{"a file", []string{"DATABASE_URL_FILE=" + file(t, "postgres://u:p@h/d\n")}, nowhere(t), "postgres://u:p@h/d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := LoadDatabaseURL(c.environ, c.dotenv); err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
	for set, say := range map[string]string{
		"DATABASE_URL_FILE=/nowhere":  "DATABASE_URL_FILE can't be read",
		"DATABASE_URL_FILE=" + dotenv: "DATABASE_URL and DATABASE_URL_FILE are both set",
	} {
		environ := []string{set}
		if strings.HasSuffix(set, dotenv) {
			environ = append(environ, "DATABASE_URL=sqlite:hunter2.db")
		}
		if _, err := LoadDatabaseURL(environ, nowhere(t)); err == nil || !strings.HasPrefix(err.Error(), say) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", set, err, say)
		}
	}
}
