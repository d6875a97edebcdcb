package main

import (
	"maps"
	"slices"
)

// The limits of an object.
const (
	maxItems     = 4096
	maxDataKeys  = 64
	maxWraps     = 256
	maxSize      = 1_400_000
	maxPlaintext = 1 << 20
)

// sealed is a sealed object with its parts where either form has them, the
// parts themselves not read yet.
type sealed struct {
	place    []byte
	dataKeys object // by handle
	values   object // by item key
}

// openSealed opens an object of the native format. shape takes it apart and
// collects what is wrong with its shape.
func openSealed(o object, keys []privateKey, shape func(object, *failures) sealed) result {
	var f failures
	if size := compactSize(o); size > maxSize {
		f.add(malformed, "%d bytes as compact JSON", size)
		return f.failed()
	}
	s := shape(o, &f)
	dataKeys, values := s.parse(&f)
	if f.class == malformed { // nothing comes before it
		return f.failed()
	}
	items := unseal(s.place, dataKeys, values, keys, &f)
	if f.any() {
		return f.failed()
	}
	return result{class: opens, items: items}
}

// parse reads the data keys and values, within the limits of their number. A
// value that cannot be read is left out.
func (s sealed) parse(f *failures) (map[string]dataKey, map[string]value) {
	dataKeys, values := map[string]dataKey{}, map[string]value{}
	if len(s.values) > maxItems {
		f.add(malformed, "%d items", len(s.values))
		return nil, nil
	}
	if len(s.dataKeys) > maxDataKeys {
		f.add(malformed, "%d data keys", len(s.dataKeys))
		return nil, nil
	}
	wraps := 0
	for _, handle := range slices.Sorted(maps.Keys(s.dataKeys)) {
		k, err := parseDataKey(handle, s.dataKeys[handle])
		if err != nil {
			f.add(malformed, "data key %q: %v", handle, err)
		}
		dataKeys[handle] = k
		wraps += len(k.wraps)
	}
	if wraps > maxWraps {
		f.add(malformed, "%d wraps", wraps)
	}
	for _, item := range slices.Sorted(maps.Keys(s.values)) {
		text, ok := s.values[item].(string)
		if !ok {
			f.add(malformed, "item %q is not a string", item)
			continue
		}
		v, c, detail := parseValueText(text)
		if c != "" {
			f.add(c, "item %q %s", item, detail)
			continue
		}
		if _, ok := dataKeys[v.handle]; !ok {
			f.add(malformed, "item %q names a data key that is not there", item)
			continue
		}
		values[item] = v
	}
	return dataKeys, values
}

// unseal opens all values, or none. It looks for all keys before it opens
// anything, as their failures come before those of opening.
func unseal(place []byte, dataKeys map[string]dataKey, values map[string]value, keys []privateKey, f *failures) map[string][]byte {
	held := map[string]privateKey{}
	for _, key := range keys {
		held[key.fingerprint] = key
	}
	type attempt struct {
		key  privateKey
		wrap wrap
	}
	attempts := map[string]attempt{}
	for _, item := range slices.Sorted(maps.Keys(values)) {
		handle := values[item].handle
		if _, done := attempts[handle]; done {
			continue
		}
		key, w, c := dataKeys[handle].holder(held)
		if c != "" {
			f.add(c, "data key %s: no wrap of it can be opened", handle)
			continue
		}
		attempts[handle] = attempt{key, w}
	}
	if f.any() {
		return nil
	}

	secrets := map[string][]byte{}
	for handle, a := range attempts {
		secret, err := dataKeys[handle].unwrap(a.key, a.wrap, place)
		if err != nil {
			f.add(open, opaque)
			return nil
		}
		secrets[handle] = secret
	}
	items, size := map[string][]byte{}, 0
	for item, v := range values {
		plaintext, err := v.open(secrets[v.handle], place, item)
		size += len(plaintext)
		if err != nil || size > maxPlaintext {
			f.add(open, opaque)
			return nil
		}
		items[item] = plaintext
	}
	return items
}
