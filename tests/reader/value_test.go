package main

import (
	"bytes"
	"testing"
)

func TestPadTo(t *testing.T) {
	for size, length := range map[int]int{
		0: 32, 31: 32, 32: 64, 62: 64, 63: 64, 64: 96, 255: 256,
		256: 272, 271: 272, 272: 288, 511: 512, 512: 544, 1 << 20: 1<<20 + 1<<15,
	} {
		if got := padTo(size); got != length {
			t.Errorf("%d is padded to %d, not %d", size, got, length)
		}
	}
}

func TestUnpad(t *testing.T) {
	for _, size := range []int{0, 1, 31, 32, 63, 256, 1000} {
		for _, plaintext := range [][]byte{
			bytes.Repeat([]byte{0}, size), bytes.Repeat([]byte{0x80}, size), bytes.Repeat([]byte{0xff}, size),
		} {
			got, err := unpad(pad(plaintext, padTo(size)))
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%d octets: %x, %v", size, got, err)
			}
		}
	}
	if got, err := unpad(pad([]byte("long"), 33)); err != nil || string(got) != "long" {
		t.Error("a length that no writer chooses:", got, err)
	}
	for name, padded := range map[string][]byte{
		"nothing":         {},
		"too short":       pad(nil, 31),
		"zeros":           make([]byte, 32),
		"another marker":  append(make([]byte, 31), 0x81),
		"text to the end": bytes.Repeat([]byte{'x'}, 32),
	} {
		if _, err := unpad(padded); err == nil {
			t.Error(name, "is taken")
		}
	}
}

func TestValueText(t *testing.T) {
	long := encode(make([]byte, leastValue))
	for text, c := range map[string]class{
		"ks1.d." + long: "",
		"ks1.d." + encode(make([]byte, leastValue-1)): malformed,
		"ks1.d." + long + "\n":                        malformed,
		"ks1." + long:                                 malformed,
		"ks1.":                                        malformed,
		"ks1":                                         malformed,
		"ks.d." + long:                                malformed,
		"ks1x.d." + long:                              malformed,
		"ks\u0661.d." + long:                          malformed,
		"KS1.d." + long:                               malformed,
		" ks1.d." + long:                              malformed,
		"":                                            malformed,
		"secret":                                      malformed,
		"ks2.":                                        unsupported,
		"ks10.x":                                      unsupported,
		"ks01.d." + long:                              unsupported,
	} {
		if _, got, _ := parseValueText(text); got != c {
			t.Errorf("%q is %q, not %q", text, got, c)
		}
	}
}
