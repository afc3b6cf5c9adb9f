package auth

import (
	"bytes"
	"testing"

	"letstalk/store"
)

func TestTokensOpenForTheirOwnerOnly(t *testing.T) {
	sealer, err := newSealer(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	a := &Auth{sealer: sealer}
	ada := store.Identity{Issuer: "https://id.example", Subject: "ada", Name: "Ada"}
	box, err := a.seal(tokens{ID: "id", Refresh: "refresh"}, ada)
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.seal(tokens{ID: "id", Refresh: "refresh"}, ada)
	if err != nil || bytes.Equal(box, again) {
		t.Errorf("the same tokens look the same twice (%v)", err)
	}

	ada.Name = "Ada Lovelace" // people change their names
	if got, err := a.open(box, ada); err != nil || got.ID != "id" || got.Refresh != "refresh" {
		t.Errorf("owner: %v, %v", got, err)
	}
	if _, err := a.open(box, store.Identity{Issuer: "https://id.example", Subject: "eve"}); err == nil {
		t.Error("another person's row opens them")
	}
	box[len(box)-1] ^= 1
	if _, err := a.open(box, ada); err == nil {
		t.Error("changed tokens open")
	}
	if _, err := a.open(nil, ada); err == nil {
		t.Error("nothing opens")
	}
}
