package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/joho/godotenv"
)

// secrets may also come from a file named by NAME_FILE, so that they need not stand in the environment.
var secrets = []string{"OIDC_CLIENT_SECRET", "SESSION_KEY", "DATABASE_URL", "NATS_URL"}

// readDotenv reads NAME=value lines. Its errors name the file and line and never quote them: they may hold secrets.
func readDotenv(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s can't be read: %w", path, err)
	}
	values, ok := parseDotenv(string(content))
	if !ok {
		return nil, fmt.Errorf("%s, line %d can't be understood: write NAME=value, and values with spaces, # or $ in single quotes",
			path, brokenLine(string(content)))
	}
	return values, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

func parseDotenv(content string) (map[string]string, bool) {
	values, err := godotenv.Unmarshal(content)
	for name := range values {
		if !variableName.MatchString(name) { // godotenv lets a last line without "=" pass, and names with spaces
			return nil, false
		}
	}
	return values, err == nil
}

// brokenLine returns the number of the first line after the longest beginning that can be understood.
func brokenLine(content string) int {
	lines := strings.SplitAfter(content, "\n")
	for n := len(lines) - 1; n > 0; n-- {
		if _, ok := parseDotenv(strings.Join(lines[:n], "")); ok {
			return n + 1
		}
	}
	return 1
}

// merge puts the environment over the values of the .env file and reads those of the secrets that are kept in files.
func (p *problems) merge(file map[string]string, environ, secrets []string) map[string]string {
	values := map[string]string{}
	for name, value := range file {
		values[name] = value
	}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			values[name] = value
		}
	}
	for _, name := range secrets {
		path := values[name+"_FILE"]
		if path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		switch {
		case values[name] != "":
			p.check(true, "%s and %s_FILE are both set: keep one", name, name)
		case err != nil:
			p.check(true, "%s_FILE can't be read: %v", name, err)
		default:
			values[name] = strings.TrimSpace(string(content))
		}
	}
	return values
}
