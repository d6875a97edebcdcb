package main

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// parseRSA reads an RSA private key of PKCS#8 DER.
func parseRSA(der []byte) (*rsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return private, nil
}

// envelope is a value of the sealed-secrets format.
type envelope struct {
	session []byte // RSA-OAEP ciphertext of the session key
	sealed  []byte // AES-GCM ciphertext and tag
}

// openRSA opens a SealedSecret of bitnami.com/v1alpha1.
func openRSA(o object, keys []*rsa.PrivateKey) result {
	var f failures
	if !o.is("bitnami.com/v1alpha1", "SealedSecret") {
		f.add(malformed, "not a SealedSecret of bitnami.com/v1alpha1")
	}
	label := collect(oaepLabel(o))(&f)
	spec := collect(o.object("spec"))(&f)
	texts := collect(spec.object("encryptedData"))(&f)

	if spec.has("data") {
		f.add(unsupported, "the deprecated field data, a whole Secret in one value")
	}

	envelopes := map[string]envelope{}
	for _, item := range slices.Sorted(maps.Keys(texts)) {
		e, err := parseEnvelope(texts[item])
		if err != nil {
			f.add(malformed, "item %q: %v", item, err)
			continue
		}
		if len(fitting(keys, e)) == 0 {
			f.add(noKey, "item %q: no RSA key of %d octets", item, len(e.session))
		}
		envelopes[item] = e
	}
	if f.any() {
		return f.failed()
	}

	items := map[string][]byte{}
	for item, e := range envelopes {
		plaintext, err := e.open(fitting(keys, e), label)
		if err != nil {
			f.add(open, opaque)
			return f.failed()
		}
		items[item] = plaintext
	}
	return result{class: opens, items: items}
}

// oaepLabel is the octets that bind a value to where it may be opened.
func oaepLabel(o object) ([]byte, error) {
	annotations, err := o.annotations()
	if err != nil {
		return nil, err
	}
	if annotations["sealedsecrets.bitnami.com/cluster-wide"] == "true" {
		return nil, nil
	}
	metadata, err := o.object("metadata")
	if err != nil {
		return nil, err
	}
	namespace, err := metadata.text("namespace")
	if err != nil || namespace == "" {
		return nil, errors.New("the scope needs metadata.namespace")
	}
	if annotations["sealedsecrets.bitnami.com/namespace-wide"] == "true" {
		return []byte(namespace), nil
	}
	name, err := metadata.text("name")
	if err != nil || name == "" {
		return nil, errors.New("the scope needs metadata.name")
	}
	return []byte(namespace + "/" + name), nil
}

// parseEnvelope reads the text of a value.
func parseEnvelope(stated any) (envelope, error) {
	text, ok := stated.(string)
	if !ok {
		return envelope{}, errors.New("not a string")
	}
	octets, err := decodeBase64(text)
	if err != nil {
		return envelope{}, err
	}
	if len(octets) < 2 {
		return envelope{}, errors.New("too short for a length")
	}
	size, rest := int(binary.BigEndian.Uint16(octets)), octets[2:]
	if len(rest) < size {
		return envelope{}, fmt.Errorf("too short for a session key of %d octets", size)
	}
	return envelope{rest[:size], rest[size:]}, nil
}

// fitting are the keys of an envelope's size.
func fitting(keys []*rsa.PrivateKey, e envelope) []*rsa.PrivateKey {
	var fit []*rsa.PrivateKey
	for _, key := range keys {
		if key.Size() == len(e.session) {
			fit = append(fit, key)
		}
	}
	return fit
}

// open tries keys one after the other.
func (e envelope) open(keys []*rsa.PrivateKey, label []byte) ([]byte, error) {
	for _, key := range keys {
		session, err := rsa.DecryptOAEP(sha256.New(), nil, key, e.session, label)
		if err != nil {
			continue
		}
		gcm, err := newGCM(session)
		if err != nil {
			continue
		}
		plaintext, err := gcm.Open(nil, make([]byte, nonceSize), e.sealed, nil)
		if err == nil {
			return plaintext, nil
		}
	}
	return nil, errors.New(opaque)
}
