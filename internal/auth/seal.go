package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"time"

	"letstalk/store"
)

// tokens is what is kept of the provider's answer, encrypted, for as long as the login lives.
type tokens struct {
	ID      string    `json:"id_token"`                // identifies the session when signing out at the provider
	Refresh string    `json:"refresh_token,omitempty"` // empty unless the provider gives one
	Expires time.Time `json:"expires,omitzero"`        // when the access token that came along runs out

	refreshed bool // Refresh is new, and the one before is worth nothing any more
}

// newSealer returns AES-256-GCM that puts a random nonce before each box.
func newSealer(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (a *Auth) seal(t tokens, of store.Identity) ([]byte, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return a.sealer.Seal(nil, nil, plain, purpose(of)), nil
}

func (a *Auth) open(box []byte, of store.Identity) (tokens, error) {
	plain, err := a.sealer.Open(nil, nil, box, purpose(of))
	if err != nil {
		return tokens{}, fmt.Errorf("open tokens: %w", err)
	}
	var t tokens
	err = json.Unmarshal(plain, &t)
	return t, err
}

// purpose binds a box to what it is for and whose it is, so that it opens nowhere else.
func purpose(of store.Identity) []byte {
	return []byte("letstalk login tokens\x00" + of.Issuer + "\x00" + of.Subject)
}
