package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// sealRSA is the octets of a value of the sealed-secrets format.
func sealRSA(t *testing.T, key *rsa.PrivateKey, label string, sessionSize int, plaintext []byte) []byte {
	t.Helper()
	session := random(sessionSize)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.PublicKey, session, []byte(label))
	if err != nil {
		t.Fatal(err)
	}
	octets := binary.BigEndian.AppendUint16(nil, uint16(len(wrapped)))
	octets = append(octets, wrapped...)
	if sessionSize == 20 { // no key of AES
		return append(octets, random(tagSize)...)
	}
	gcm, err := newGCM(session)
	if err != nil {
		t.Fatal(err)
	}
	return gcm.Seal(octets, make([]byte, nonceSize), plaintext, nil)
}

func TestRSA(t *testing.T) {
	var keys []*rsa.PrivateKey
	for _, bits := range []int{2048, 2048, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	wide := object{"sealedsecrets.bitnami.com/namespace-wide": "true"}
	wider := object{"sealedsecrets.bitnami.com/namespace-wide": "true", "sealedsecrets.bitnami.com/cluster-wide": "true"}
	good := sealRSA(t, keys[0], "prod/db", 32, []byte("b"))
	foreign := sealRSA(t, keys[2], "prod/db", 32, []byte("b"))
	for name, c := range map[string]struct {
		class       class
		held        []*rsa.PrivateKey
		annotations object
		text        string
	}{
		"strict":              {opens, keys[:1], nil, encode(good)},
		"a session of 16":     {opens, keys[:1], nil, encode(sealRSA(t, keys[0], "prod/db", 16, []byte("b")))},
		"a session of 24":     {opens, keys[:1], nil, encode(sealRSA(t, keys[0], "prod/db", 24, []byte("b")))},
		"namespace-wide":      {opens, keys[:1], wide, encode(sealRSA(t, keys[0], "prod", 32, []byte("b")))},
		"cluster-wide wins":   {opens, keys[:1], wider, encode(sealRSA(t, keys[0], "", 32, []byte("b")))},
		"the second key":      {opens, []*rsa.PrivateKey{keys[2], keys[1], keys[0]}, nil, encode(good)},
		"line breaks":         {malformed, keys[:1], nil, encode(good) + "\n"},
		"nothing":             {malformed, keys[:1], nil, ""},
		"one octet":           {malformed, keys[:1], nil, "AA=="},
		"too short":           {malformed, keys[:1], nil, encode(good[:200])},
		"no tag":              {open, keys[:1], nil, encode(good[:2+256+15])},
		"no keys":             {noKey, nil, nil, encode(good)},
		"no key of that size": {noKey, keys[:2], nil, encode(foreign)},
		"another key":         {open, keys[1:2], nil, encode(good)},
		"another scope":       {open, keys[:1], wide, encode(good)},
		"another tag":         {open, keys[:1], nil, encode(append(good[:len(good)-1:len(good)-1], good[len(good)-1]^1))},
		"a session of 20":     {open, keys[:1], nil, encode(sealRSA(t, keys[0], "prod/db", 20, nil))},
	} {
		t.Run(name, func(t *testing.T) {
			o := throughText(t, object{
				"apiVersion": "bitnami.com/v1alpha1",
				"kind":       "SealedSecret",
				"metadata":   object{"namespace": "prod", "name": "db", "annotations": c.annotations},
				"spec":       object{"encryptedData": object{"a": c.text}},
			})
			r := openRSA(o, c.held)
			want(t, r, c.class)
			if c.class == opens {
				wantItems(t, r, map[string]string{"a": "b"})
			}
		})
	}
}

func TestRSAVector(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(object{
		"apiVersion": "bitnami.com/v1alpha1",
		"kind":       "SealedSecret",
		"metadata":   object{"namespace": "prod", "name": "db"},
		"spec":       object{"encryptedData": object{"a": encode(sealRSA(t, key, "prod/db", 32, nil))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := parseVector([]byte("case: x\nformat: sealed-secrets\nexpect: opens\nkey: RSA " + encode(der) + "\nitem: a \n\n" + string(body)))
	if err != nil {
		t.Fatal(err)
	}
	wantItems(t, v.read(), map[string]string{"a": ""})
}
