package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// databases is where a site keeps its databases.
type databases interface {
	// template is the URL of the one in which everybody signs in.
	template() string
	// copy makes a copy of it, which nobody has open then.
	copy() (database, error)
}

// database is one for one start of a site.
type database struct {
	url  string
	drop func() error
}

// files are databases of SQLite in a folder.
type files struct {
	dir    string
	copies int
}

const fileScheme = "sqlite:"

func (f *files) template() string { return fileScheme + filepath.Join(f.dir, "template.db") }

func (f *files) copy() (database, error) {
	f.copies++
	path := filepath.Join(f.dir, fmt.Sprintf("run%d.db", f.copies))
	if err := copyFile(path, filePath(f.template())); err != nil {
		return database{}, err
	}
	return database{fileScheme + path, func() error { return removeFiles(path) }}, nil
}

// filePath is where the database at a URL of SQLite's lies.
func filePath(url string) string { return strings.TrimPrefix(url, fileScheme) }

func removeFiles(path string) (err error) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if e := os.Remove(path + suffix); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
