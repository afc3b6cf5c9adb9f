package pgtest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestTheNewestPostgreSQLIsFound(t *testing.T) {
	place := t.TempDir()
	install := func(folder, version string, programs ...string) string {
		dir := filepath.Join(place, folder)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range programs {
			script := "#!/bin/sh\necho '" + name + " (PostgreSQL) " + version + "'\n"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	all := []string{"postgres", "initdb", "pg_ctl"}
	pattern := filepath.Join(place, "*")
	expect := func(want string, wantErr error) {
		t.Helper()
		if got, err := newest(pattern); got != want || !errors.Is(err, wantErr) {
			t.Errorf("got %q, %v, want %q, %v", got, err, want, wantErr)
		}
	}
	expect("", errMissing)
	install("9.6", "9.6.24", all...)
	install("14", "14.19 (Debian 14.19-1.pgdg12+1)", all...)
	expect("", errMissing)
	fifteen := install("15", "15.14 (Debian 15.14-0+deb12u1)", all...)
	expect(fifteen, nil)
	install("20", "20.1", "initdb", "pg_ctl") // only clients
	install("21", "wrong", all...)
	expect(fifteen, nil)
	expect(install("19", "19devel", all...), nil)
}
