package pgtest

import (
	"io"
	"path/filepath"
)

// guarding waits for its standard input to end, which it does when Close closes it and also when the test process dies
// in whatever way. Then it ends the server and removes the folder; if somebody still writes there, it tries again.
const guarding = `
cat >/dev/null
"$1" stop --silent --mode immediate --timeout 60 --pgdata "$2/data"
cd /
for try in 1 2 3 4 5; do rm -rf "$2" && exit; sleep 1; done
`

// guard is a shell that outlives the test process for as long as it takes to clean up after it.
type guard struct {
	shell *process
	leash io.Closer
}

func (s *Server) newGuard() (*guard, error) {
	cmd := s.command("/bin/sh", "-c", guarding, "guard", filepath.Join(s.programs, "pg_ctl"), s.dir)
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	shell, err := start(cmd)
	if err != nil {
		return nil, err
	}
	return &guard{shell, leash}, nil
}

// release has the guard do its work, and waits for it.
func (g *guard) release() {
	if g != nil {
		_ = g.leash.Close()
		<-g.shell.done
	}
}
