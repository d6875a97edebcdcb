package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestBase64HasOneForm(t *testing.T) {
	for text, octets := range map[string]string{
		"": "", "AA==": "\x00", "AAA=": "\x00\x00", "AAAA": "\x00\x00\x00", "+/+/": "\xfb\xff\xbf",
	} {
		if got, err := decodeBase64(text); err != nil || string(got) != octets {
			t.Errorf("%q gives %x, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"AA", "AA=", "AAA", "A", "=", "AAAA=", "AB==", "AAB=", "-_-_", " AAAA", "AAAA ",
		"AAAA\n", "AA\nAA", "AA\r\nAA", "AA==AAAA", "AA==\n",
	} {
		if got, err := decodeBase64(text); err == nil {
			t.Errorf("%q gives %x", text, got)
		}
	}
}

func TestNames(t *testing.T) {
	for _, size := range []int{handleSize, fingerprintSize} {
		octets := make([]byte, size)
		text := named("k", octets)
		if got, ok := unnamed("k", text, size); !ok || !bytes.Equal(got, octets) {
			t.Errorf("%s gives %x", text, got)
		}
		for _, other := range []string{
			"", "k", text[1:], "d" + text[1:], text + "a", text[:len(text)-1], strings.ToUpper(text),
			"k" + strings.ToUpper(text[1:]), text[:5] + "\n" + text[5:], text[:5] + "1" + text[6:], text + "=",
		} {
			if _, ok := unnamed("k", other, size); ok {
				t.Errorf("%q is taken for %d octets", other, size)
			}
		}
	}
	if got := named("d", make([]byte, handleSize)); got != "daaaaaaaaaaaaaaaa" {
		t.Error(got)
	}
	// 16 octets are 26 characters, the last of which carries 3 bits.
	zeros := "k" + strings.Repeat("a", 25)
	for last, ok := range map[string]bool{"a": true, "e": true, "4": true, "b": false, "c": false, "d": false, "7": false} {
		if _, got := unnamed("k", zeros+last, fingerprintSize); got != ok {
			t.Errorf("trailing bits of %s: %v", last, got)
		}
	}
}

func TestLP(t *testing.T) {
	if got := appendLP(appendLP(nil, "ab"), []byte{}); string(got) != "\x00\x00\x00\x02ab\x00\x00\x00\x00" {
		t.Errorf("%x", got)
	}
}
