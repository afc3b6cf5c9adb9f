package main

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOldChangesGoAndMessagesStay(t *testing.T) {
	dir := folder(t)
	p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0")
	v := p.visitor()
	v.signIn("alice", "/chat/General")
	v.got(v.PostForm(p.base+"/chat/General/messages", url.Values{"body": {"kept for ever"}, "nonce": {"1"}}))
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	db, err := sql.Open("sqlite", filepath.Join(dir, "letstalk.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE changes SET at = ?`, time.Now().Add(-8*24*time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	p = launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0")
	left := -1
	until(t, func() bool { return db.QueryRow(`SELECT count(*) FROM changes`).Scan(&left) == nil && left == 0 },
		func() string { return p.log.String() })
	v = p.visitor()
	if got := v.signIn("alice", "/chat/General").Find("li.message .message__body").Text(); !strings.Contains(got, "kept for ever") {
		t.Errorf("the message is now %q", got)
	}
}
