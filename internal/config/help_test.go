package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHelpListsEveryVariable(t *testing.T) {
	var b strings.Builder
	WriteHelp(&b)
	variables, files, _ := strings.Cut(b.String(), "\n\n")
	lines := strings.Split(variables, "\n")
	all := documented()
	if len(lines) != len(all) {
		t.Fatalf("%d lines for %d variables:\n%s", len(lines), len(all), variables)
	}
	for i, v := range all {
		if v.name == "" || v.help == "" {
			t.Errorf("%+v is not described", v)
		}
		if fields := strings.Fields(lines[i]); fields[0] != v.name || v.fallback != "" && !strings.HasSuffix(lines[i], "("+v.fallback+")") {
			t.Errorf("%q does not describe %+v", lines[i], v)
		}
	}
	for _, name := range secrets {
		if !strings.Contains(files, name) {
			t.Errorf("%q does not name %s", files, name)
		}
	}
}

// row is a line of the README's table: a name, a default or nothing, what it is for.
var row = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (?:`([^`]*)`)? *\\|")

func TestREADMEListsEveryVariable(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	type setting struct{ Name, Default string }
	var got, want []setting
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		got = append(got, setting{m[1], m[2]})
	}
	for _, v := range documented() {
		want = append(want, setting{v.name, v.fallback})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the configuration table differs from the variables there are (-want +got):\n%s", diff)
	}
}

// The examples of the README are .env files: each must be one, and set nothing that does not exist.
func TestREADMEExamplesAreUnderstood(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```ini\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(examples) < 5 {
		t.Fatalf("%d examples", len(examples))
	}
	known := map[string]bool{}
	for _, v := range documented() {
		known[v.name] = true
	}
	for _, name := range secrets {
		known[name+"_FILE"] = true
	}
	for _, example := range examples {
		if strings.HasPrefix(example[1], "[") {
			continue // a unit file
		}
		values, ok := parseDotenv(example[1])
		if !ok {
			t.Errorf("not understood:\n%s", example[1])
		}
		for name := range values {
			if !known[name] {
				t.Errorf("%s is no variable, in:\n%s", name, example[1])
			}
		}
		if _, err := Load([]string{"SESSION_KEY=" + key}, file(t, example[1]), false); err != nil {
			t.Errorf("%v, in:\n%s", err, example[1])
		}
	}
}

func TestREADMEFoldersExist(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	folders := regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\|").FindAllStringSubmatch(string(readme), -1)
	if len(folders) < 10 {
		t.Fatalf("%d folders", len(folders))
	}
	for _, m := range folders {
		if info, err := os.Stat("../../" + m[1]); err != nil || !info.IsDir() {
			t.Errorf("%s is no folder: %v", m[1], err)
		}
	}
}
