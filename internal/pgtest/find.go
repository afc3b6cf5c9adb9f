package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// oldest is the oldest version of PostgreSQL that Let's Talk works with.
const oldest = 15

var errMissing = fmt.Errorf("the tests need the programs of PostgreSQL %d or newer: install them "+
	"(Debian: apt-get install postgresql; Homebrew: brew install postgresql) and run the tests again", oldest)

// find finds the folder of PostgreSQL's programs: the one in PATH, or else that of the newest version where Debian,
// Fedora and Homebrew put them.
func find() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// It may be a link to where the others are.
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil && version(filepath.Dir(initdb)) >= oldest {
			return filepath.Dir(initdb), nil
		}
	}
	return newest("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")
}

// newest is the folder with the newest PostgreSQL of those that match a pattern.
func newest(patterns ...string) (string, error) {
	best, most := "", oldest-1
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for _, dir := range found {
			if v := version(dir); v > most {
				best, most = dir, v
			}
		}
	}
	if best == "" {
		return "", errMissing
	}
	return best, nil
}

// version is the main version of the server in a folder, 0 if there is none that can make clusters and run.
func version(dir string) int {
	for _, name := range []string{"initdb", "pg_ctl"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return 0
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	// It says "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"; a scan stops where the number does.
	var v int
	if _, err := fmt.Sscanf(string(out), "postgres (PostgreSQL) %d", &v); err != nil {
		return 0
	}
	return v
}

// account is who runs the server if the test's own may not; nil is the test's own.
type account struct{ uid, gid uint32 }

// unprivileged is the account for a server: PostgreSQL refuses to run as root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var who *user.User
	found := slices.ContainsFunc([]string{"postgres", "nobody"}, func(name string) (ok bool) {
		var err error
		who, err = user.Lookup(name)
		return err == nil
	})
	if !found {
		return nil, errors.New("PostgreSQL does not run as root, and there is no postgres or nobody to run it")
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &account{uint32(uid), uint32(gid)}, nil
}

// give makes a folder the account's. Its mode stays 0700, for the server trusts whoever reaches its socket; root does.
func (a *account) give(dir string) error {
	if a == nil {
		return nil
	}
	return os.Chown(dir, int(a.uid), int(a.gid))
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}
