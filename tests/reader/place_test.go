package main

import "testing"

func TestPlace(t *testing.T) {
	both := object{"namespace": "prod", "name": "db"}
	for _, c := range []struct {
		scope    byte
		metadata object
		octets   string // empty if there is no place
	}{
		{strictByte, both, string(dbPlace)},
		{namespaceWideByte, both, "\x02\x00\x00\x00\x04prod"},
		{clusterWideByte, both, "\x03"},
		{clusterByte, both, "\x04\x00\x00\x00\x02db"},
		{strictByte, object{"name": "db"}, ""},
		{strictByte, object{"namespace": "prod"}, ""},
		{strictByte, object{"namespace": "", "name": "db"}, ""},
		{strictByte, nil, ""},
		{namespaceWideByte, object{"namespace": "é"}, "\x02\x00\x00\x00\x02é"},
		{namespaceWideByte, object{"name": "db"}, ""},
		{clusterWideByte, nil, "\x03"},
		{clusterByte, object{"namespace": "prod"}, ""},
		{clusterByte, object{"name": true}, ""},
	} {
		got, err := place(c.scope, c.metadata)
		if (err == nil) != (c.octets != "") || err == nil && string(got) != c.octets {
			t.Errorf("%d of %v is %x, %v", c.scope, c.metadata, got, err)
		}
	}
}
