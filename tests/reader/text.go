package main

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

var errBase64 = errors.New("not base64 in its one form")

// decodeBase64 reads base64 in its one form: padded, nothing between the
// characters, trailing bits zero. Go's decoder passes over line breaks even
// when it is strict, so they are looked for first.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errBase64
	}
	octets, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errBase64
	}
	return octets, nil
}

// lowerBase32 is the alphabet of RFC 4648, section 6, in lower case and
// without padding.
var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// named writes octets as base32 behind a letter that says what they name: d
// for a handle, k for a key's fingerprint, i for that of an identity.
func named(letter string, octets []byte) string {
	return letter + lowerBase32.EncodeToString(octets)
}

// unnamed reads what named wrote for the same letter and so many octets. Go's
// decoder takes line breaks and set trailing bits, so the octets are written
// again and compared.
func unnamed(letter, text string, size int) ([]byte, bool) {
	rest, ok := strings.CutPrefix(text, letter)
	if !ok {
		return nil, false
	}
	octets, err := lowerBase32.DecodeString(rest)
	if err != nil || len(octets) != size || named(letter, octets) != text {
		return nil, false
	}
	return octets, true
}

// appendLP appends lp(x): the length of x as u32, then x.
func appendLP[T ~string | ~[]byte](to []byte, x T) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(x)))
	return append(to, x...)
}
