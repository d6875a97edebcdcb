package main

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"math/bits"
	"testing"
)

// The tests seal for themselves, by the same document.

func encode(octets []byte) string { return base64.StdEncoding.EncodeToString(octets) }

func random(size int) []byte {
	octets := make([]byte, size)
	rand.Read(octets)
	return octets
}

// newKey is a fresh private key of a suite.
func newKey(t *testing.T, suite string) privateKey {
	t.Helper()
	key, err := newPrivateKey(suite, random(seedSize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// padTo is the length to which a value of that size is padded.
func padTo(size int) int {
	n, step := size+1, 32
	if n > 256 {
		e := bits.Len(uint(n)) - 1
		s := bits.Len(uint(e))
		step = 1 << (e - s)
	}
	return (n + step - 1) / step * step
}

func pad(value []byte, length int) []byte {
	padded := make([]byte, length)
	copy(padded, value)
	padded[len(value)] = 0x80
	return padded
}

// sealer seals the items of one object under one data key.
type sealer struct {
	t     *testing.T
	key   []byte
	place []byte
}

func newSealer(t *testing.T, place []byte) sealer {
	return sealer{t, random(dataKeySize), place}
}

func (s sealer) handle() string { return handleOf(commit(s.key)) }

// wrap wraps the data key for a recipient.
func (s sealer) wrap(k privateKey) []byte {
	s.t.Helper()
	enc, sender, err := hpke.NewSender(k.key.PublicKey(), kdf, aead, []byte("kseal/1/wrap"))
	if err != nil {
		s.t.Fatal(err)
	}
	ct, err := sender.Seal(s.place, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return append(enc, ct...)
}

// dataKey is what an object states of the data key.
func (s sealer) dataKey(recipients ...privateKey) object {
	wraps := object{}
	for _, k := range recipients {
		wraps[k.fingerprint] = encode(s.wrap(k))
	}
	return object{"commitment": encode(commit(s.key)), "recipients": wraps}
}

// octets seals what is padded already.
func (s sealer) octets(item string, padded []byte) []byte {
	s.t.Helper()
	gcm, err := newGCM(derive(s.key, "kseal/1/encrypt"))
	if err != nil {
		s.t.Fatal(err)
	}
	aad := append([]byte("kseal/1/value"), s.place...)
	aad = appendLP(aad, item)
	nonce := random(nonceSize)
	return gcm.Seal(bytes.Clone(nonce), nonce, padded, aad)
}

// text is the text of a sealed value.
func (s sealer) text(item string, plaintext []byte) string {
	return "ks1." + s.handle() + "." + encode(s.octets(item, pad(plaintext, padTo(len(plaintext)))))
}

// dbPlace is the place Strict prod/db.
var dbPlace = []byte("\x01\x00\x00\x00\x04prod\x00\x00\x00\x02db")

// sealedDB is a SealedSecret prod/db with scope Strict.
func sealedDB(s sealer, values object, recipients ...privateKey) object {
	return object{
		"apiVersion": "kseal.dev/v1alpha1",
		"kind":       "SealedSecret",
		"metadata":   object{"namespace": "prod", "name": "db"},
		"spec": object{
			"scope":         "Strict",
			"dataKeys":      object{s.handle(): s.dataKey(recipients...)},
			"encryptedData": values,
		},
	}
}

// inPlaceDB is the same as a Secret that is sealed in place.
func inPlaceDB(s sealer, data, stringData object, recipients ...privateKey) object {
	stated, err := json.Marshal(s.dataKey(recipients...))
	if err != nil {
		s.t.Fatal(err)
	}
	return object{
		"apiVersion": "v1",
		"kind":       "Secret",
		"metadata": object{
			"namespace": "prod",
			"name":      "db",
			"annotations": object{
				"kseal.dev/sealed":                 `{"scope":"Strict","sealedFor":{"namespace":"x","name":"y"}}`,
				"kseal.dev/data-key." + s.handle(): string(stated),
			},
		},
		"data":       data,
		"stringData": stringData,
	}
}

// at is the member of o at a path of names.
func at(o object, path ...string) object {
	for _, name := range path {
		o = o[name].(object)
	}
	return o
}

// throughText is o, written as JSON and read again, as a vector's object is.
func throughText(t *testing.T, o object) object {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	read, err := parseObject(text)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// want fails the test if r is not of a class.
func want(t *testing.T, r result, c class) {
	t.Helper()
	if r.class != c {
		t.Errorf("%s (%s), not %s", r.class, r.detail, c)
	}
	if r.class != opens && r.items != nil {
		t.Error("items of an object that does not open")
	}
}

// wantItems fails the test if r does not open to these items.
func wantItems(t *testing.T, r result, items map[string]string) {
	t.Helper()
	want(t, r, opens)
	v := vector{items: map[string][]byte{}}
	for item, plaintext := range items {
		v.items[item] = []byte(plaintext)
	}
	if difference := v.compare(result{items: r.items}); difference != "" {
		t.Error(difference)
	}
}
