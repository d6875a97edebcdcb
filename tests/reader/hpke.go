package main

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// suite is an HPKE suite: a KEM, with HKDF-SHA256 and AES-256-GCM. Sizes are
// in octets.
type suite struct {
	name   string
	kem    hpke.KEM
	public int
	enc    int
	wrap   int
}

var (
	kdf  = hpke.HKDFSHA256()
	aead = hpke.AES256GCM()

	suites = []suite{
		{name: "X25519", kem: hpke.DHKEM(ecdh.X25519()), public: 32, enc: 32, wrap: 80},
		{name: "X-Wing", kem: hpke.MLKEM768X25519(), public: 1216, enc: 1120, wrap: 1168},
	}
)

const (
	seedSize    = 32
	dataKeySize = 32
	wrapInfo    = "kseal/1/wrap"
)

// findSuite is the suite of a name.
func findSuite(name string) (suite, error) {
	for _, s := range suites {
		if s.name == name {
			return s, nil
		}
	}
	return suite{}, fmt.Errorf("no suite %q", name)
}

// isWrapSize tells whether a wrap of any suite has that length.
func isWrapSize(size int) bool {
	for _, s := range suites {
		if s.wrap == size {
			return true
		}
	}
	return false
}

// ids are the three numbers of a suite.
func (s suite) ids() []byte {
	ids := binary.BigEndian.AppendUint16(nil, s.kem.ID())
	ids = binary.BigEndian.AppendUint16(ids, kdf.ID())
	return binary.BigEndian.AppendUint16(ids, aead.ID())
}

// fingerprintSize is that of a fingerprint's octets, and of an identity's.
const fingerprintSize = 16

// fingerprint is the octets by which a public key is known.
func (s suite) fingerprint(public []byte) []byte {
	sum := sha256.Sum256(appendLP(append([]byte("kseal/1/key"), s.ids()...), public))
	return sum[:fingerprintSize]
}

// privateKey is one half of a sealing key, with what it is known by.
type privateKey struct {
	suite       suite
	key         hpke.PrivateKey
	fingerprint string
}

// newPrivateKey makes the private key of a seed.
func newPrivateKey(suiteName string, seed []byte) (privateKey, error) {
	s, err := findSuite(suiteName)
	if err != nil {
		return privateKey{}, err
	}
	if len(seed) != seedSize {
		return privateKey{}, fmt.Errorf("a seed of %d octets, not %d", len(seed), seedSize)
	}
	key, err := s.kem.NewPrivateKey(seed)
	if err != nil {
		return privateKey{}, errors.New("not a seed of the suite")
	}
	return privateKey{s, key, named("k", s.fingerprint(key.PublicKey().Bytes()))}, nil
}

// unwrap gives the data key in a wrap, in a place.
func (k privateKey) unwrap(wrap, place []byte) ([]byte, error) {
	if len(wrap) != k.suite.wrap { // the length of another suite's
		return nil, errors.New(opaque)
	}
	enc, ct := wrap[:k.suite.enc], wrap[k.suite.enc:]
	recipient, err := hpke.NewRecipient(enc, k.key, kdf, aead, []byte(wrapInfo))
	if err != nil {
		return nil, err
	}
	return recipient.Open(place, ct)
}
