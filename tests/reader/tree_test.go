package main

import "testing"

func TestCompactSize(t *testing.T) {
	for text, size := range map[string]int{
		`{}`:                                     2,
		` { "a" : [ 1 , true , null , false ] }`: len(`{"a":[1,true,null,false]}`),
		`{"a":1.50e3,"b":{}, "c":[]}`:            len(`{"a":1.50e3,"b":{},"c":[]}`),
		`{"a":"\u0041\/"}`:                       len(`{"a":"A/"}`),
		`{"a":"<&>\u2028\u007fé"}`:               len(`{"a":"<&>`) + 3 + 1 + 2 + len(`"}`),
		`{"a":"\"\\\b\f\n\r\t"}`:                 len(`{"a":"\"\\\b\f\n\r\t"}`),
		`{"a":"\u0000\u001f\u000a"}`:             len(`{"a":"\u0000\u001f\n"}`),
		`{"\n":0}`:                               len(`{"\n":0}`),
	} {
		o, err := parseObject([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := compactSize(o); got != size {
			t.Errorf("%s: %d, not %d", text, got, size)
		}
	}
}

func TestParseObject(t *testing.T) {
	for _, text := range []string{
		``, `1`, `[]`, `null`, `{`, `{} {}`, `{}x`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`,
		`{"a":1,"\u0061":2}`, "{\"a\":\"\xff\"}", `{"a":1,}`, `{"a":[1,,2]}`, `{'a':1}`,
	} {
		if o, err := parseObject([]byte(text)); err == nil {
			t.Errorf("%s gives %v", text, o)
		}
	}
}

func TestNumbers(t *testing.T) {
	o, err := parseObject([]byte(`{"a":4294967295,"b":4294967296,"c":-1,"d":1.0,"e":1e2,"f":"1","g":18446744073709551615}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"a": true, "b": false, "c": false, "d": false, "e": false, "f": false, "z": false} {
		if n, err := o.number(name, 32); (err == nil) != ok {
			t.Errorf("%s gives %d, %v", name, n, err)
		}
	}
	if n, err := o.number("g", 64); n != 1<<64-1 || err != nil {
		t.Error(n, err)
	}
}
