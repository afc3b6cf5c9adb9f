package sqlstore

import (
	"sync"
	"testing"
	"time"

	"letstalk/internal/pgtest"
	"letstalk/store"
	"letstalk/store/storetest"
)

func TestPostgres(t *testing.T) {
	var databases sync.Map // URLs by folder
	storetest.Run(t, func(t *testing.T, dir string, now func() time.Time) store.Store {
		t.Helper()
		url, known := databases.Load(dir)
		if !known {
			url = pgtest.Shared(t).Database(t)
			databases.Store(dir, url)
		}
		return openAt(t, url.(string), Options{Now: now})
	})
}

func openAt(t testing.TB, url string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
