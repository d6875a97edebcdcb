package main

import "testing"

func TestKey(t *testing.T) {
	for _, suite := range suites {
		key := newKey(t, suite.name)
		seed, err := key.key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			class class
			spoil func(o object)
		}{
			"nothing":             {opens, func(o object) {}},
			"no fingerprint":      {opens, func(o object) { delete(at(o, "metadata"), "annotations") }},
			"another fingerprint": {malformed, func(o object) { at(o, "metadata", "annotations")["kseal.dev/fingerprint"] = "k" }},
			"an empty one":        {malformed, func(o object) { at(o, "metadata", "annotations")["kseal.dev/fingerprint"] = "" }},
			"another type":        {malformed, func(o object) { o["type"] = "Opaque" }},
			"another suite":       {malformed, func(o object) { at(o, "data")["suite"] = encode([]byte("x-wing")) }},
			"a line break":        {malformed, func(o object) { at(o, "data")["suite"] = encode([]byte(suite.name + "\n")) }},
			"a short seed":        {malformed, func(o object) { at(o, "data")["seed"] = encode(seed[1:]) }},
			"no seed":             {malformed, func(o object) { delete(at(o, "data"), "seed") }},
			"no createdAt":        {malformed, func(o object) { delete(at(o, "data"), "createdAt") }},
		} {
			t.Run(suite.name+"/"+name, func(t *testing.T) {
				o := object{
					"apiVersion": "v1",
					"kind":       "Secret",
					"type":       "kseal.dev/sealing-key",
					"immutable":  true,
					"metadata":   object{"annotations": object{"kseal.dev/fingerprint": key.fingerprint}},
					"data": object{
						"suite":     encode([]byte(suite.name)),
						"seed":      encode(seed),
						"createdAt": encode([]byte("2026-11-01T00:00:00Z")),
					},
				}
				c.spoil(o)
				r := openKey(throughText(t, o))
				want(t, r, c.class)
				if c.class == opens && r.fingerprint != key.fingerprint {
					t.Error(r.fingerprint)
				}
			})
		}
	}
}
