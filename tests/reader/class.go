package main

import (
	"fmt"
	"slices"
)

// class is what becomes of an object: it opens, or it fails in one of four
// ways.
type class string

const (
	opens       class = "opens"
	malformed   class = "malformed"
	unsupported class = "unsupported"
	noKey       class = "no-key"
	open        class = "open"
)

// classes are all of them, failures in the order in which the first one wins.
var classes = []class{malformed, unsupported, noKey, open, opens}

// opaque is all that is told of a failure of class open.
const opaque = "does not open"

// failures collects what is wrong with an object. Its zero value is ready.
type failures struct {
	class  class // of the worst so far; empty if there is none
	detail string
}

// add collects one failure. Of several of one class, the first is kept.
func (f *failures) add(c class, format string, args ...any) {
	if !f.any() || slices.Index(classes, c) < slices.Index(classes, f.class) {
		f.class, f.detail = c, fmt.Sprintf(format, args...)
	}
}

// any tells whether there is a failure.
func (f *failures) any() bool { return f.class != "" }

// result is what a reader says of an object. Everything but class and detail
// is there only if the object opens.
type result struct {
	class       class
	detail      string
	items       map[string][]byte // of a sealed object
	fingerprint string            // of a private key
	identity    string            // of a bundle of a cluster
	sealingKey  string            // of a bundle with an active key
}

// failed is the result of an object that has failures.
func (f *failures) failed() result {
	return result{class: f.class, detail: f.detail}
}
