package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"testing"
)

// bundle is a bundle of a cluster with one key of each suite, the X-Wing one
// of the higher epoch; both are active.
func bundle(t *testing.T) (object, privateKey, privateKey) {
	t.Helper()
	low, high := newKey(t, "X25519"), newKey(t, "X-Wing")
	var list []any
	for epoch, key := range []privateKey{low, high} {
		list = append(list, object{
			"fingerprint": key.fingerprint,
			"suite":       key.suite.name,
			"publicKey":   encode(key.key.PublicKey().Bytes()),
			"epoch":       epoch,
			"createdAt":   "2026-11-01T00:00:00Z",
			"state":       "active",
		})
	}
	certificate, err := os.ReadFile("../fixtures/certificate-2048-a.pem")
	if err != nil {
		t.Fatal(err)
	}
	return object{
		"apiVersion": "kseal.dev/v1alpha1",
		"kind":       "SealingKeyBundle",
		"metadata":   object{"name": "prod"},
		"spec": object{
			"clusterUID":  "6f0c",
			"serial":      uint64(1) << 63,
			"issuedAt":    "2026-11-22T05:00:00Z",
			"keys":        list,
			"certificate": string(certificate),
		},
	}, low, high
}

// sign signs a bundle and gives the identity.
func sign(t *testing.T, o object) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := at(throughText(t, o), "spec")
	keys, err := parseBundleKeys(spec)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := spec.number("serial", 64)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := spec.text("certificate")
	from := &origin{clusterUID: "6f0c", serial: serial, issuedAt: "2026-11-22T05:00:00Z"}
	at(o, "spec")["identity"] = encode(public)
	at(o, "spec")["signature"] = encode(ed25519.Sign(private, signed("prod", from, keys, certificate)))
	return public
}

func TestBundle(t *testing.T) {
	entry := func(o object, i int) object { return at(o, "spec")["keys"].([]any)[i].(object) }
	local := func(o object) {
		for _, field := range []string{"clusterUID", "identity", "serial", "issuedAt", "signature"} {
			delete(at(o, "spec"), field)
		}
	}
	for name, c := range map[string]struct {
		class class
		spoil func(o object)
	}{
		"nothing":             {opens, func(o object) {}},
		"local keys":          {opens, local},
		"another order":       {opens, func(o object) { l := at(o, "spec")["keys"].([]any); l[0], l[1] = l[1], l[0] }},
		"another version":     {malformed, func(o object) { o["apiVersion"] = "v1" }},
		"no name":             {malformed, func(o object) { delete(o, "metadata") }},
		"no keys":             {malformed, func(o object) { delete(at(o, "spec"), "keys") }},
		"no serial":           {malformed, func(o object) { delete(at(o, "spec"), "serial") }},
		"only a serial":       {malformed, func(o object) { local(o); at(o, "spec")["serial"] = 1 }},
		"a negative serial":   {malformed, func(o object) { at(o, "spec")["serial"] = -1 }},
		"a short identity":    {malformed, func(o object) { at(o, "spec")["identity"] = encode(make([]byte, 31)) }},
		"a bad signature":     {malformed, func(o object) { at(o, "spec")["signature"] = "!" }},
		"a bad certificate":   {malformed, func(o object) { at(o, "spec")["certificate"] = "-----BEGIN CERTIFICATE-----\n" }},
		"a short signature":   {open, func(o object) { at(o, "spec")["signature"] = encode(make([]byte, 63)) }},
		"another fingerprint": {malformed, func(o object) { entry(o, 0)["fingerprint"] = entry(o, 1)["fingerprint"] }},
		"another suite":       {malformed, func(o object) { entry(o, 0)["suite"] = "X-Wing" }},
		"an unknown suite":    {malformed, func(o object) { entry(o, 0)["suite"] = "P-256" }},
		"an unknown state":    {malformed, func(o object) { entry(o, 0)["state"] = "lost" }},
		"a large epoch":       {malformed, func(o object) { entry(o, 0)["epoch"] = uint64(1) << 32 }},
		"a key twice":         {malformed, func(o object) { l := at(o, "spec")["keys"].([]any); l[0] = l[1] }},
		"another name":        {open, func(o object) { at(o, "metadata")["name"] = "test" }},
		"another serial":      {open, func(o object) { at(o, "spec")["serial"] = 1 }},
		"another state":       {open, func(o object) { entry(o, 0)["state"] = "retired" }},
		"no certificate":      {open, func(o object) { delete(at(o, "spec"), "certificate") }},
		"another signature":   {open, func(o object) { at(o, "spec")["signature"] = encode(make([]byte, 64)) }},
	} {
		t.Run(name, func(t *testing.T) {
			o, _, high := bundle(t)
			identity := identityFingerprint(sign(t, o))
			c.spoil(o)
			if !at(o, "spec").has("signature") {
				identity = ""
			}
			r := openBundle(throughText(t, o))
			want(t, r, c.class)
			if c.class == opens && (r.identity != identity || r.sealingKey != high.fingerprint) {
				t.Error(r.identity, r.sealingKey)
			}
		})
	}
}

func TestBundleWithoutCertificate(t *testing.T) {
	o, _, _ := bundle(t)
	delete(at(o, "spec"), "certificate")
	sign(t, o)
	want(t, openBundle(throughText(t, o)), opens)
}

func TestSealingKey(t *testing.T) {
	key := func(first byte, epoch uint32, state string) bundleKey {
		return bundleKey{fingerprint: []byte{first}, epoch: epoch, state: state}
	}
	for _, c := range []struct {
		keys []bundleKey
		want byte // 0 if there is none
	}{
		{nil, 0},
		{[]bundleKey{key(1, 1, "retired"), key(2, 2, "compromised"), key(3, 3, "retiring")}, 0},
		{[]bundleKey{key(1, 0, "active")}, 1},
		{[]bundleKey{key(1, 1, "active"), key(2, 2, "active"), key(3, 3, "retiring")}, 2},
		{[]bundleKey{key(1, 1, "active"), key(2, 2, "active"), key(3, 2, "active")}, 2},
	} {
		best, ok := sealingKey(c.keys)
		if ok != (c.want != 0) || ok && !bytes.Equal(best.fingerprint, []byte{c.want}) {
			t.Errorf("%v gives %v", c.keys, best)
		}
	}
}
