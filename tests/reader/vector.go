package main

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// vector is one case: what is at hand, an object, and what should come of it.
type vector struct {
	title   string
	format  string
	expect  class
	keys    []privateKey
	rsaKeys []*rsa.PrivateKey
	object  object

	// What the object holds, of a case that opens.
	items       map[string][]byte
	fingerprint string
	identity    string
	sealingKey  string
}

// readers are the formats of a case, each with what reads it.
var readers = map[string]func(vector) result{
	"native":         func(v vector) result { return openSealed(v.object, v.keys, sealedSecret) },
	"in-place":       func(v vector) result { return openSealed(v.object, v.keys, inPlace) },
	"sealed-secrets": func(v vector) result { return openRSA(v.object, v.rsaKeys) },
	"bundle":         func(v vector) result { return openBundle(v.object) },
	"key":            func(v vector) result { return openKey(v.object) },
}

// read reads the object of a case.
func (v vector) read() result { return readers[v.format](v) }

// compare says how what an object holds differs from what it should, or
// nothing.
func (v vector) compare(got result) string {
	for _, item := range slices.Sorted(maps.Keys(got.items)) {
		want, ok := v.items[item]
		switch {
		case !ok:
			return fmt.Sprintf("item %q is not expected", item)
		case !bytes.Equal(want, got.items[item]):
			return fmt.Sprintf("item %q holds something else", item)
		}
	}
	for _, item := range slices.Sorted(maps.Keys(v.items)) {
		if _, ok := got.items[item]; !ok {
			return fmt.Sprintf("item %q is missing", item)
		}
	}
	for _, text := range [][3]string{
		{"fingerprint", v.fingerprint, got.fingerprint},
		{"identity", v.identity, got.identity},
		{"sealing-key", v.sealingKey, got.sealingKey},
	} {
		if text[1] != text[2] {
			return fmt.Sprintf("%s is %q, not %q", text[0], text[2], text[1])
		}
	}
	return ""
}

// parseVector reads a file: header lines up to an empty line, then one JSON
// object. What it does not know is an error, so that no case passes unread.
func parseVector(text []byte) (vector, error) {
	head, body, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return vector{}, errors.New("no empty line after the headers")
	}
	v := vector{items: map[string][]byte{}}
	seen := map[string]bool{}
	for line := range strings.SplitSeq(string(head), "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return vector{}, fmt.Errorf("%q is not a header", line)
		}
		if seen[name] && name != "key" && name != "item" {
			return vector{}, fmt.Errorf("header %s is repeated", name)
		}
		seen[name] = true
		if err := v.header(name, value); err != nil {
			return vector{}, fmt.Errorf("header %s: %w", name, err)
		}
	}
	if err := v.check(seen); err != nil {
		return vector{}, err
	}
	var err error
	v.object, err = parseObject(body)
	return v, err
}

// header takes in one header.
func (v *vector) header(name, value string) error {
	switch name {
	case "case":
		v.title = value
	case "format":
		if readers[value] == nil {
			return fmt.Errorf("no format %q", value)
		}
		v.format = value
	case "expect":
		if !slices.Contains(classes, class(value)) {
			return fmt.Errorf("no class %q", value)
		}
		v.expect = class(value)
	case "key":
		return v.addKey(value)
	case "item":
		return v.addItem(value)
	case "fingerprint":
		v.fingerprint = value
		return checkName("k", value)
	case "identity":
		v.identity = value
		return checkName("i", value)
	case "sealing-key":
		v.sealingKey = value
		return checkName("k", value)
	default:
		return errors.New("not known")
	}
	return nil
}

// checkName tells whether a text is a fingerprint with that letter.
func checkName(letter, text string) error {
	if _, ok := unnamed(letter, text, fingerprintSize); !ok {
		return fmt.Errorf("%q is not a fingerprint", text)
	}
	return nil
}

// addKey takes in a private key at hand.
func (v *vector) addKey(value string) error {
	suite, encoded, _ := strings.Cut(value, " ")
	octets, err := decodeBase64(encoded)
	if err != nil {
		return err
	}
	if suite == "RSA" {
		key, err := parseRSA(octets)
		if err != nil {
			return err
		}
		v.rsaKeys = append(v.rsaKeys, key)
		return nil
	}
	key, err := newPrivateKey(suite, octets)
	if err != nil {
		return err
	}
	v.keys = append(v.keys, key)
	return nil
}

// addItem takes in an item that the object should hold.
func (v *vector) addItem(value string) error {
	item, encoded, ok := strings.Cut(value, " ")
	if !ok {
		return errors.New("no space after the item key")
	}
	if _, twice := v.items[item]; twice {
		return fmt.Errorf("item %q is there twice", item)
	}
	plaintext, err := decodeBase64(encoded)
	v.items[item] = plaintext
	return err
}

// check tells whether the headers that were seen make a case.
func (v *vector) check(seen map[string]bool) error {
	for _, name := range []string{"case", "format", "expect"} {
		if !seen[name] {
			return fmt.Errorf("no header %s", name)
		}
	}
	contents := map[string][]string{
		"native":         {"item"},
		"in-place":       {"item"},
		"sealed-secrets": {"item"},
		"bundle":         {"identity", "sealing-key"},
		"key":            {"fingerprint"},
	}
	for _, name := range []string{"item", "fingerprint", "identity", "sealing-key"} {
		if seen[name] && (v.expect != opens || !slices.Contains(contents[v.format], name)) {
			return fmt.Errorf("header %s in a case of %s that is %s", name, v.format, v.expect)
		}
	}
	return nil
}
