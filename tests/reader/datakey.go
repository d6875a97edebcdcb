package main

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const (
	handleSize     = 10 // octets of the commitment in a handle
	commitmentSize = 32
)

// dataKey is a data key as an object states it.
type dataKey struct {
	commitment []byte
	wraps      []wrap // in the order of their fingerprints' octets
}

// wrap is a data key for one recipient.
type wrap struct {
	fingerprint string
	order       []byte // the fingerprint's octets
	octets      []byte
}

// derive is HKDF(key, info).
func derive(key []byte, info string) []byte {
	derived, err := hkdf.Key(sha256.New, key, nil, info, 32)
	if err != nil {
		panic(err) // only for more octets than HKDF gives
	}
	return derived
}

// commit is the commitment to a data key.
func commit(key []byte) []byte { return derive(key, "kseal/1/commit") }

// handleOf is the handle of a commitment.
func handleOf(commitment []byte) string { return named("d", commitment[:handleSize]) }

// parseDataKey reads a data key's handle and what stands under it.
func parseDataKey(handle string, stated any) (dataKey, error) {
	o, ok := stated.(object)
	if !ok {
		return dataKey{}, errors.New("not an object")
	}
	if _, ok := unnamed("d", handle, handleSize); !ok {
		return dataKey{}, errors.New("not a handle")
	}
	commitment, err := o.octets("commitment")
	if err != nil {
		return dataKey{}, err
	}
	if len(commitment) != commitmentSize {
		return dataKey{}, fmt.Errorf("a commitment of %d octets", len(commitment))
	}
	if handleOf(commitment) != handle {
		return dataKey{}, errors.New("the handle is not that of the commitment")
	}
	recipients, err := o.object("recipients")
	if err != nil {
		return dataKey{}, err
	}
	k := dataKey{commitment: commitment}
	for _, fingerprint := range slices.Sorted(maps.Keys(recipients)) {
		w := wrap{fingerprint: fingerprint}
		if w.order, ok = unnamed("k", fingerprint, fingerprintSize); !ok {
			return dataKey{}, fmt.Errorf("%q is not a fingerprint", fingerprint)
		}
		if !recipients.has(fingerprint) {
			return dataKey{}, fmt.Errorf("no wrap for %s", fingerprint)
		}
		if w.octets, err = recipients.octets(fingerprint); err != nil {
			return dataKey{}, err
		}
		k.wraps = append(k.wraps, w)
	}
	slices.SortFunc(k.wraps, func(a, b wrap) int { return bytes.Compare(a.order, b.order) })
	return k, nil
}

// holder finds the private key to try on a data key, and the wrap to try it
// on: those of the lowest held recipient. The class is empty if there is one.
func (k dataKey) holder(held map[string]privateKey) (privateKey, wrap, class) {
	for _, w := range k.wraps {
		key, ok := held[w.fingerprint]
		switch {
		case !ok:
			continue
		case !isWrapSize(len(w.octets)):
			return privateKey{}, wrap{}, unsupported
		}
		return key, w, ""
	}
	for _, w := range k.wraps {
		if !isWrapSize(len(w.octets)) {
			return privateKey{}, wrap{}, unsupported
		}
	}
	return privateKey{}, wrap{}, noKey
}

// unwrap gives the data key by a wrap of it, in a place. AES-GCM does not
// commit to its key, so the commitment is compared.
func (k dataKey) unwrap(key privateKey, w wrap, place []byte) ([]byte, error) {
	secret, err := key.unwrap(w.octets, place)
	if err != nil || !bytes.Equal(commit(secret), k.commitment) {
		return nil, errors.New(opaque)
	}
	return secret, nil
}
