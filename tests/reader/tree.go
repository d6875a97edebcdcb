package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// object is a JSON object. Its members are objects, []any, string,
// json.Number, bool or nil. Names are matched exactly, which encoding/json
// does not do for structs.
type object map[string]any

// parseObject reads a text that is one JSON object in UTF-8. A name that is
// twice in one object is an error.
func parseObject(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	if !json.Valid(text) { // also: more than one value, nesting without end
		return nil, errors.New("not one JSON value")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	value, err := parseValue(d)
	if err != nil {
		return nil, err
	}
	o, ok := value.(object)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return o, nil
}

// parseValue reads the next value from d.
func parseValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			key := name.(string)
			if _, twice := o[key]; twice {
				return nil, fmt.Errorf("%q is twice in one JSON object", key)
			}
			if o[key], err = parseValue(d); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := d.Token()
		return list, err
	}
	return token, nil
}

// The readers of members below hold null for a member that is not there.

// has tells whether there is a member of that name.
func (o object) has(name string) bool { return o[name] != nil }

// text is the string of that name, empty if it is not there.
func (o object) text(name string) (string, error) {
	return member[string](o, name, "a string")
}

// object is the object of that name, nil if it is not there.
func (o object) object(name string) (object, error) {
	return member[object](o, name, "an object")
}

// octets is the base64 of that name, decoded; of no octets if it is not there.
func (o object) octets(name string) ([]byte, error) {
	text, err := o.text(name)
	if err != nil {
		return nil, err
	}
	octets, err := decodeBase64(text)
	if err != nil {
		return nil, fmt.Errorf("%s is %w", name, err)
	}
	return octets, nil
}

// number is the whole number of that name, which has to be there and to fit
// into so many bits.
func (o object) number(name string, bits int) (uint64, error) {
	text, err := member[json.Number](o, name, "a number")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(text), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is not a whole number of %d bits", name, bits)
	}
	return n, nil
}

// member is the member of that name and type, T's zero value if it is not
// there.
func member[T any](o object, name, what string) (T, error) {
	var zero T
	if !o.has(name) {
		return zero, nil
	}
	value, ok := o[name].(T)
	if !ok {
		return zero, fmt.Errorf("%s is not %s", name, what)
	}
	return value, nil
}

// is tells whether an object is of an API version and kind.
func (o object) is(apiVersion, kind string) bool {
	return o["apiVersion"] == apiVersion && o["kind"] == kind
}

// annotations are those of an object's metadata.
func (o object) annotations() (object, error) {
	metadata, err := o.object("metadata")
	if err != nil {
		return nil, err
	}
	return metadata.object("annotations")
}

// compactSize is the length of a value as compact JSON: no white space, no
// escape that is not needed, short escapes where there are any, numbers as
// they were written.
func compactSize(value any) int {
	switch v := value.(type) {
	case object:
		size := len("{}") + max(len(v)-1, 0) // commas
		for name, member := range v {
			size += compactSize(name) + len(":") + compactSize(member)
		}
		return size
	case []any:
		size := len("[]") + max(len(v)-1, 0)
		for _, element := range v {
			size += compactSize(element)
		}
		return size
	case string:
		size := len(`""`) + len(v)
		for i := range len(v) {
			switch c := v[i]; {
			case c == '"', c == '\\', c == '\b', c == '\t', c == '\n', c == '\f', c == '\r':
				size++ // a backslash before it
			case c < ' ':
				size += len(`\u0000`) - 1
			}
		}
		return size
	case json.Number:
		return len(v)
	case bool:
		return len(strconv.FormatBool(v))
	}
	return len("null")
}
