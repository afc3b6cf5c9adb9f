package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// forge returns a token of any header and payload; a string is taken as JSON. Nothing is done for it to make sense.
func forge(header, payload any, sign func(input []byte) []byte) string {
	text := func(v any) string {
		s, ok := v.(string)
		if !ok {
			data, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			s = string(data)
		}
		return base64.RawURLEncoding.EncodeToString([]byte(s))
	}
	input := text(header) + "." + text(payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

// nobody does not sign.
func nobody([]byte) []byte { return nil }

// rs256 signs with an RSA key.
func rs256(key *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// esOf signs with a key of one curve as an algorithm for another does.
func esOf(key *ecdsa.PrivateKey, hash crypto.Hash) func([]byte) []byte {
	return func(input []byte) []byte {
		sum, size := sha256.Sum256(input), 32
		digest := sum[:]
		if hash == crypto.SHA384 {
			longer := sha512.Sum384(input)
			digest, size = longer[:], 48
		}
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
}

// oddRSA is an RSA key that the standard library would not make.
type oddRSA struct {
	public  rsa.PublicKey
	private *big.Int
}

// mersenne returns a key whose primes are 2^p-1 and 2^q-1, which takes no time to make.
func mersenne(p, q uint) oddRSA {
	one := big.NewInt(1)
	prime := func(n uint) *big.Int { return new(big.Int).Sub(new(big.Int).Lsh(one, n), one) }
	less := func(n uint) *big.Int { return new(big.Int).Sub(prime(n), one) }
	k := oddRSA{public: rsa.PublicKey{N: new(big.Int).Mul(prime(p), prime(q)), E: 65537}}
	k.private = new(big.Int).ModInverse(big.NewInt(int64(k.public.E)), new(big.Int).Mul(less(p), less(q)))
	return k
}

// exponentOne returns a key with which nothing is hidden: a signature is the text itself.
func exponentOne(n *big.Int) oddRSA {
	return oddRSA{public: rsa.PublicKey{N: n, E: 1}, private: big.NewInt(1)}
}

// sign signs as RS256 does (RFC 8017, 8.2.1).
func (k oddRSA) sign(input []byte) []byte {
	sum := sha256.Sum256(input)
	info := append([]byte("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"), sum[:]...)
	size := k.public.Size()
	padded := make([]byte, size)
	for i := range padded {
		padded[i] = 0xff
	}
	padded[0], padded[1], padded[size-len(info)-1] = 0, 1, 0
	copy(padded[size-len(info):], info)
	return new(big.Int).Exp(new(big.Int).SetBytes(padded), k.private, k.public.N).FillBytes(make([]byte, size))
}
