package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// migrate brings the schema of the database at an address up to date, of several processes one. A schema that is one
// migration ahead is taken as it is: migrations leave what the version before them uses, so that two versions can run
// side by side while a newer one is rolled out. An empty database is an error if a workspace should exist.
func (d dialect) migrate(ctx context.Context, db *sql.DB, address string, existing bool) error {
	p, err := d.provider(db)
	if err != nil {
		return err
	}
	have, know, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("the schema of the database %s can't be read: %w", d.name(address), err)
	case have > know+1:
		return fmt.Errorf("the database %s was written by a newer Let's Talk (schema %d, this binary knows %d): start that one, or restore a backup",
			d.name(address), have, know)
	case have >= know:
		return nil
	case have == 0 && existing:
		return fmt.Errorf("the database %s holds no workspace: is the database URL the right one?", d.name(address))
	}
	for {
		_, err := p.Up(ctx)
		if err == nil {
			return nil
		}
		// Another process may have been faster, with this migration or with all.
		before := have
		if have, _, _ = p.GetVersions(ctx); have >= know {
			return nil
		}
		if have <= before {
			return fmt.Errorf("the database %s can't be brought up to date: %w", d.name(address), err)
		}
	}
}

func (d dialect) provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+d.migrations)
	if err != nil {
		return nil, err
	}
	opts := []goose.ProviderOption{goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true)}
	if d.locker != nil {
		locker, err := d.locker()
		if err != nil {
			return nil, err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(d.goose, db, files, opts...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}
