package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"strings"
)

const (
	nonceSize  = 12
	tagSize    = 16
	leastPad   = 32
	leastValue = nonceSize + leastPad + tagSize
)

// value is a sealed value: the handle of its data key and its octets.
type value struct {
	handle string
	octets []byte
}

// parseValueText reads the text of a value. The class is empty if it is one of
// version 1; whether the handle is known is for the caller to say.
func parseValueText(text string) (value, class, string) {
	rest, ok := strings.CutPrefix(text, "ks")
	digits, rest, dot := strings.Cut(rest, ".")
	if !ok || !dot || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return value{}, malformed, "is a plaintext that nobody sealed"
	}
	if digits != "1" {
		return value{}, unsupported, "is of a version that is not known"
	}
	handle, encoded, dot := strings.Cut(rest, ".")
	if !dot {
		return value{}, malformed, "has no handle"
	}
	octets, err := decodeBase64(encoded)
	if err != nil {
		return value{}, malformed, "is not base64 in its one form"
	}
	if len(octets) < leastValue {
		return value{}, malformed, "is too short"
	}
	return value{handle, octets}, "", ""
}

// open gives the plaintext of a value that stands under an item key, in a
// place.
func (v value) open(secret, place []byte, item string) ([]byte, error) {
	gcm, err := newGCM(derive(secret, "kseal/1/encrypt"))
	if err != nil {
		return nil, err
	}
	aad := appendLP(append([]byte("kseal/1/value"), place...), item)
	padded, err := gcm.Open(nil, v.octets[:nonceSize], v.octets[nonceSize:], aad)
	if err != nil {
		return nil, err
	}
	return unpad(padded)
}

// unpad takes the zeros and then one 0x80 off the end.
func unpad(padded []byte) ([]byte, error) {
	if len(padded) < leastPad {
		return nil, errors.New(opaque)
	}
	plaintext, ok := bytes.CutSuffix(bytes.TrimRight(padded, "\x00"), []byte{0x80})
	if !ok {
		return nil, errors.New(opaque)
	}
	return plaintext, nil
}

// newGCM is AES-GCM with a key of 16, 24 or 32 octets.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
