package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	items := map[string]string{"password": "hunter2", "empty": "", "octets": "\x80\x00\xff\x00"}
	for _, suite := range suites {
		t.Run(suite.name, func(t *testing.T) {
			key, other := newKey(t, suite.name), newKey(t, "X25519")
			s := newSealer(t, dbPlace)
			values := object{}
			for item, plaintext := range items {
				values[item] = s.text(item, []byte(plaintext))
			}
			held := []privateKey{key}

			native := throughText(t, sealedDB(s, values, key, other))
			wantItems(t, openSealed(native, held, sealedSecret), items)

			fields := []object{{}, {}}
			for item, text := range values {
				fields[len(item)%2][item] = text
			}
			secret := throughText(t, inPlaceDB(s, fields[0], fields[1], other, key))
			wantItems(t, openSealed(secret, held, inPlace), items)
		})
	}
}

func TestPlacesOfObjects(t *testing.T) {
	key := newKey(t, "X25519")
	for _, c := range []struct{ kind, scope, place string }{
		{"SealedSecret", "Strict", string(dbPlace)},
		{"SealedSecret", "NamespaceWide", "\x02\x00\x00\x00\x04prod"},
		{"SealedSecret", "ClusterWide", "\x03"},
		{"ClusterSealedSecret", "", "\x04\x00\x00\x00\x02db"},
	} {
		s := newSealer(t, []byte(c.place))
		o := sealedDB(s, object{"a": s.text("a", []byte("b"))}, key)
		o["kind"] = c.kind
		at(o, "spec")["scope"] = c.scope
		wantItems(t, openSealed(o, []privateKey{key}, sealedSecret), map[string]string{"a": "b"})
		at(o, "spec")["scope"] = "Wide"
		if c.kind == "SealedSecret" {
			want(t, openSealed(o, []privateKey{key}, sealedSecret), malformed)
		}
	}
}

// fresh is an object prod/db with one item, sealed for one key that is held.
type fresh struct {
	sealer
	recipient privateKey
	object    object
	held      []privateKey
}

func (f *fresh) spec() object       { return at(f.object, "spec") }
func (f *fresh) dataKeys() object   { return at(f.object, "spec", "dataKeys") }
func (f *fresh) recipients() object { return at(f.dataKeys(), f.handle(), "recipients") }
func (f *fresh) values() object     { return at(f.object, "spec", "encryptedData") }

func newFresh(t *testing.T) *fresh {
	s, key := newSealer(t, dbPlace), newKey(t, "X25519")
	return &fresh{s, key, sealedDB(s, object{"a": s.text("a", []byte("b"))}, key), []privateKey{key}}
}

// spoilt are changes to a fresh object, each with the class of the outcome.
var spoilt = map[class]map[string]func(*testing.T, *fresh){
	opens: {
		"nothing":                     func(*testing.T, *fresh) {},
		"other fields":                func(_ *testing.T, f *fresh) { f.spec()["signature"] = object{"x": "y"} },
		"sealed for elsewhere":        func(_ *testing.T, f *fresh) { f.spec()["sealedFor"] = object{"name": "other"} },
		"no items":                    func(_ *testing.T, f *fresh) { delete(f.spec(), "encryptedData") },
		"an unused key nobody holds":  func(t *testing.T, f *fresh) { f.another(t, newKey(t, "X-Wing")) },
		"an unused key of no suite":   func(t *testing.T, f *fresh) { s := f.another(t); f.wrapFor(t, s, make([]byte, 5)) },
		"a foreign wrap of no suite":  func(t *testing.T, f *fresh) { f.wrapFor(t, f.sealer, make([]byte, 5)) },
		"a padding of another length": func(_ *testing.T, f *fresh) { f.put("a", pad([]byte("b"), 47)) },
		"64 data keys": func(t *testing.T, f *fresh) {
			for range maxDataKeys - 1 {
				f.another(t)
			}
		},
		"256 wraps": func(t *testing.T, f *fresh) {
			for range maxWraps - 1 {
				f.wrapFor(t, f.sealer, nil)
			}
		},
		"1,400,000 bytes": func(_ *testing.T, f *fresh) { f.fill(maxSize) },
		"4,096 items":     func(_ *testing.T, f *fresh) { f.many(maxItems) },
		"1 MiB": func(_ *testing.T, f *fresh) {
			delete(f.values(), "a")
			f.put("b", pad(make([]byte, maxPlaintext), maxPlaintext+1))
		},
	},
	malformed: {
		"another kind":              func(_ *testing.T, f *fresh) { f.object["kind"] = "Secret" },
		"another version":           func(_ *testing.T, f *fresh) { f.object["apiVersion"] = "kseal.dev/v9" },
		"no scope":                  func(_ *testing.T, f *fresh) { delete(f.spec(), "scope") },
		"no namespace":              func(_ *testing.T, f *fresh) { delete(at(f.object, "metadata"), "namespace") },
		"no data keys":              func(_ *testing.T, f *fresh) { delete(f.spec(), "dataKeys") },
		"a plaintext":               func(_ *testing.T, f *fresh) { f.values()["b"] = "secret" },
		"a number":                  func(_ *testing.T, f *fresh) { f.values()["b"] = true },
		"a handle not there":        func(t *testing.T, f *fresh) { f.values()["b"] = newSealer(t, dbPlace).text("b", nil) },
		"a broken base64":           func(_ *testing.T, f *fresh) { f.values()["a"] = f.values()["a"].(string) + "\n" },
		"a wrap not base64":         func(_ *testing.T, f *fresh) { f.recipients()[f.recipient.fingerprint] = "AB==" },
		"a bad fingerprint":         func(_ *testing.T, f *fresh) { f.recipients()["k"+strings.Repeat("a", 25)+"b"] = "" },
		"a short commitment":        func(_ *testing.T, f *fresh) { f.commitment(commit(f.key)[:31]) },
		"another commitment":        func(_ *testing.T, f *fresh) { f.commitment(random(commitmentSize)) },
		"a bad handle":              func(_ *testing.T, f *fresh) { f.dataKeys()["dx"] = f.dataKeys()[f.handle()] },
		"malformed before the rest": func(_ *testing.T, f *fresh) { f.values()["b"], f.values()["c"], f.held = "ks2.", "", nil },
		"65 data keys": func(t *testing.T, f *fresh) {
			for range maxDataKeys {
				f.another(t)
			}
		},
		"257 wraps": func(t *testing.T, f *fresh) {
			s := f.another(t)
			for range maxWraps {
				f.wrapFor(t, s, nil)
			}
		},
		"1,400,001 bytes": func(_ *testing.T, f *fresh) { f.fill(maxSize + 1) },
		"4,097 items":     func(_ *testing.T, f *fresh) { f.many(maxItems + 1) },
	},
	unsupported: {
		"a later version":            func(_ *testing.T, f *fresh) { f.values()["b"] = "ks2.what/ever" },
		"a foreign wrap of no suite": func(t *testing.T, f *fresh) { f.held = nil; f.wrapFor(t, f.sealer, make([]byte, 81)) },
		"a held wrap of no suite":    func(_ *testing.T, f *fresh) { f.recipients()[f.recipient.fingerprint] = "" },
		"unsupported before no-key":  func(_ *testing.T, f *fresh) { f.values()["b"], f.held = "ks2.", nil },
	},
	noKey: {
		"nothing held":  func(_ *testing.T, f *fresh) { f.held = nil },
		"another held":  func(t *testing.T, f *fresh) { f.held = []privateKey{newKey(t, "X-Wing")} },
		"no recipients": func(_ *testing.T, f *fresh) { delete(at(f.dataKeys(), f.handle()), "recipients") },
		"no-key before open": func(t *testing.T, f *fresh) {
			s := f.another(t, newKey(t, "X-Wing"))
			f.values()["b"] = s.text("b", nil)
			f.put("a", make([]byte, 32))
		},
	},
	open: {
		"another name":            func(_ *testing.T, f *fresh) { at(f.object, "metadata")["name"] = "other" },
		"another scope":           func(_ *testing.T, f *fresh) { f.spec()["scope"] = "ClusterWide" },
		"another item key":        func(_ *testing.T, f *fresh) { f.values()["b"] = f.values()["a"] },
		"a bad tag":               func(_ *testing.T, f *fresh) { f.values()["a"] = "ks1." + f.handle() + "." + encode(random(60)) },
		"no padding":              func(_ *testing.T, f *fresh) { f.put("a", make([]byte, 32)) },
		"a random wrap":           func(_ *testing.T, f *fresh) { f.recipients()[f.recipient.fingerprint] = encode(random(80)) },
		"a wrap of another suite": func(_ *testing.T, f *fresh) { f.recipients()[f.recipient.fingerprint] = encode(random(1168)) },
		"a low-order enc":         func(_ *testing.T, f *fresh) { f.recipients()[f.recipient.fingerprint] = encode(make([]byte, 80)) },
		"a wrap of another data key": func(t *testing.T, f *fresh) {
			f.recipients()[f.recipient.fingerprint] = encode(newSealer(t, dbPlace).wrap(f.recipient))
		},
		"the lowest fails alone": func(t *testing.T, f *fresh) {
			// Two more held recipients; the lowest gets a wrap that fails.
			for range 2 {
				key := newKey(t, "X25519")
				f.held = append(f.held, key)
				f.recipients()[key.fingerprint] = encode(f.wrap(key))
			}
			k, err := parseDataKey(f.handle(), f.dataKeys()[f.handle()])
			if err != nil {
				t.Fatal(err)
			}
			f.recipients()[k.wraps[0].fingerprint] = encode(random(80))
		},
		"over 1 MiB": func(_ *testing.T, f *fresh) { f.put("b", pad(make([]byte, maxPlaintext), maxPlaintext+1)) },
	},
}

// another adds a data key to the object.
func (f *fresh) another(t *testing.T, recipients ...privateKey) sealer {
	s := newSealer(t, f.place)
	f.dataKeys()[s.handle()] = s.dataKey(recipients...)
	return s
}

// wrapFor adds a wrap of a data key for a recipient that nobody knows.
func (f *fresh) wrapFor(_ *testing.T, s sealer, octets []byte) {
	wraps := at(f.dataKeys(), s.handle(), "recipients")
	wraps[named("k", random(fingerprintSize))] = encode(octets)
}

// put seals an item of a padding of its own.
func (f *fresh) put(item string, padded []byte) {
	f.values()[item] = "ks1." + f.handle() + "." + encode(f.octets(item, padded))
}

// commitment states another one.
func (f *fresh) commitment(octets []byte) {
	at(f.dataKeys(), f.handle())["commitment"] = encode(octets)
}

// fill makes the object that large as compact JSON.
func (f *fresh) fill(size int) {
	f.object["fill"] = ""
	f.object["fill"] = strings.Repeat("x", size-compactSize(f.object))
}

// many makes it an object of so many items.
func (f *fresh) many(items int) {
	for i := range items - 1 {
		item := fmt.Sprint(i)
		f.values()[item] = f.text(item, nil)
	}
}

func TestClasses(t *testing.T) {
	for c, cases := range spoilt {
		for name, spoil := range cases {
			t.Run(string(c)+"/"+name, func(t *testing.T) {
				f := newFresh(t)
				spoil(t, f)
				want(t, openSealed(throughText(t, f.object), f.held, sealedSecret), c)
			})
		}
	}
}

func TestInPlaceClasses(t *testing.T) {
	key := newKey(t, "X25519")
	for name, c := range map[string]struct {
		class class
		spoil func(o, annotations, data object, s sealer)
	}{
		"nothing":            {opens, func(o, a, d object, s sealer) {}},
		"other annotations":  {opens, func(o, a, d object, s sealer) { a["kseal.dev/other"] = "x" }},
		"no fields":          {opens, func(o, a, d object, s sealer) { delete(o, "data"); delete(o, "stringData") }},
		"in both fields":     {malformed, func(o, a, d object, s sealer) { o["stringData"] = object{"a": d["a"]} }},
		"a plaintext":        {malformed, func(o, a, d object, s sealer) { d["b"] = encode([]byte("x")) }},
		"encoded once more":  {malformed, func(o, a, d object, s sealer) { d["a"] = encode([]byte(d["a"].(string))) }},
		"not sealed":         {malformed, func(o, a, d object, s sealer) { delete(a, "kseal.dev/sealed") }},
		"not JSON":           {malformed, func(o, a, d object, s sealer) { a["kseal.dev/sealed"] = "Strict" }},
		"no scope":           {malformed, func(o, a, d object, s sealer) { a["kseal.dev/sealed"] = "{}" }},
		"a scope twice":      {malformed, func(o, a, d object, s sealer) { a["kseal.dev/sealed"] = `{"scope":"Strict","scope":"Strict"}` }},
		"a data key no JSON": {malformed, func(o, a, d object, s sealer) { a["kseal.dev/data-key."+s.handle()] = "" }},
		"no data key":        {malformed, func(o, a, d object, s sealer) { delete(a, "kseal.dev/data-key."+s.handle()) }},
		"another scope":      {open, func(o, a, d object, s sealer) { a["kseal.dev/sealed"] = `{"scope":"NamespaceWide"}` }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSealer(t, dbPlace)
			o := inPlaceDB(s, object{"a": s.text("a", []byte("b"))}, nil, key)
			c.spoil(o, at(o, "metadata", "annotations"), at(o, "data"), s)
			want(t, openSealed(throughText(t, o), []privateKey{key}, inPlace), c.class)
		})
	}
}

func TestLowestHeldRecipientIsByOctets(t *testing.T) {
	// The character 2 stands before a in ASCII, and after z in base32.
	low, high := make([]byte, fingerprintSize), bytes.Repeat([]byte{0xff}, fingerprintSize)
	s := newSealer(t, dbPlace)
	k, err := parseDataKey(s.handle(), object{
		"commitment": encode(commit(s.key)),
		"recipients": object{named("k", high): "", named("k", low): ""},
	})
	if err != nil || k.wraps[0].fingerprint != named("k", low) {
		t.Error(k.wraps, err)
	}
}
