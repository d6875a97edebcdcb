package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHeaders(t *testing.T) {
	head := "case: x\nformat: native\nexpect: opens\n"
	seed := encode(make([]byte, seedSize))
	fingerprint := "fingerprint: k" + strings.Repeat("a", 26) + "\n"
	for text, ok := range map[string]bool{
		head + "\n{}": true,
		head + "key: X25519 " + seed + "\nkey: X-Wing " + seed + "\nitem: a \nitem: b AAAA\n\n{}\n": true,
		"":                                    false,
		head:                                  false,
		head + "\n":                           false,
		head + "\n[]":                         false,
		head + "\n{}{}":                       false,
		head + "\n{\"a\":1,\"a\":1}":          false,
		head + "case: y\n\n{}":                false,
		head + "other: y\n\n{}":               false,
		head + "item: a\n\n{}":                false,
		head + "item: a AB==\n\n{}":           false,
		head + "item: a \nitem: a \n\n{}":     false,
		head + "key: X448 " + seed + "\n\n{}": false,
		head + "key: RSA AAAA\n\n{}":          false,
		head + "key: X25519 AAAA\n\n{}":       false,
		head + fingerprint + "\n{}":           false,
		"case: x\nformat: key\nexpect: opens\n" + fingerprint + "\n{}":     true,
		"case: x\nformat: key\nexpect: malformed\n" + fingerprint + "\n{}": false,
		"case: x\nformat: key\nexpect: opens\nfingerprint: kaaa\n\n{}":     false,
		"case: x\nformat: other\nexpect: opens\n\n{}":                      false,
		"case: x\nformat: native\nexpect: broken\n\n{}":                    false,
		"case: x\nformat: native\n\n{}":                                    false,
		"case: x\r\nformat: native\r\nexpect: opens\r\n\r\n{}":             false,
	} {
		if _, err := parseVector([]byte(text)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRun(t *testing.T) {
	s, key := newSealer(t, dbPlace), newKey(t, "X-Wing")
	seed, err := key.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(sealedDB(s, object{"a": s.text("a", []byte("b"))}, key))
	if err != nil {
		t.Fatal(err)
	}
	vector := func(expect, rest string) string {
		return "case: x\nformat: native\nexpect: " + expect + "\n" + rest + "\n" + string(body)
	}
	held := "key: X-Wing " + encode(seed) + "\n"
	for name, c := range map[string]struct {
		files map[string]string
		code  int
		got   string // of every line, in order
	}{
		"nothing":          {nil, 1, ""},
		"only a README":    {map[string]string{"README.md": "x"}, 1, ""},
		"as expected":      {map[string]string{"b": vector("opens", held+"item: a Yg==\n"), "a": vector("no-key", ""), "README.md": ""}, 0, "no-key opens"},
		"another class":    {map[string]string{"a": vector("open", "")}, 1, "no-key"},
		"another value":    {map[string]string{"a": vector("opens", held+"item: a Yw==\n")}, 1, "wrong-contents"},
		"one item more":    {map[string]string{"a": vector("opens", held)}, 1, "wrong-contents"},
		"one item missing": {map[string]string{"a": vector("opens", held+"item: a Yg==\nitem: b \n")}, 1, "wrong-contents"},
		"no vector":        {map[string]string{"a": vector("no-key", ""), "b": "x"}, 2, "no-key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			if code := run(dir, &out, io.Discard); code != c.code {
				t.Errorf("exit code %d, not %d: %s", code, c.code, out.String())
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				var r report
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				got = append(got, r.Got)
			}
			if strings.Join(got, " ") != c.got {
				t.Error(out.String())
			}
		})
	}
	if code := run(filepath.Join(t.TempDir(), "missing"), io.Discard, io.Discard); code != 2 {
		t.Error("a folder that is not there:", code)
	}
}
