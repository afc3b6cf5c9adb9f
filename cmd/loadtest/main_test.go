package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestFigures(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "letstalk")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "letstalk/cmd/letstalk").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	var b strings.Builder
	if err := run(t.Context(), []string{"figures", "-bin", binary, "-runs", "1"}, &b); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^start to first page  \d\S+ \(.*\)\nidle memory          .+\n$`).MatchString(b.String()) {
		t.Errorf("%q", b.String())
	}
}

func TestWhatCanNotBeMeasured(t *testing.T) {
	for _, args := range [][]string{nil, {"speed"}, {"figures", "-runs", "0"}, {"figures", "more"}, {"figures", "-bin", t.TempDir()}} {
		var b strings.Builder
		if err := run(t.Context(), args, &b); err == nil || b.Len() > 0 {
			t.Errorf("%v: %v, %q", args, err, b.String())
		}
	}
}
