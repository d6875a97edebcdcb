package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const nativeVersion = "kseal.dev/v1alpha1"

// sealedSecret takes a SealedSecret or a ClusterSealedSecret apart.
func sealedSecret(o object, f *failures) sealed {
	cluster := o.is(nativeVersion, "ClusterSealedSecret")
	if !cluster && !o.is(nativeVersion, "SealedSecret") {
		f.add(malformed, "not a SealedSecret, nor a ClusterSealedSecret")
	}
	spec := collect(o.object("spec"))(f)
	s := sealed{
		dataKeys: collect(spec.object("dataKeys"))(f),
		values:   collect(spec.object("encryptedData"))(f),
	}
	if cluster {
		s.place = placeOf(clusterByte, o, f)
	} else {
		s.place = placeOf(scopeOf(spec, f), o, f)
	}
	return s
}

const (
	sealedAnnotation  = "kseal.dev/sealed"
	dataKeyAnnotation = "kseal.dev/data-key."
)

// inPlace takes a Secret apart that holds sealed values where its values were.
func inPlace(o object, f *failures) sealed {
	if !o.is("v1", "Secret") {
		f.add(malformed, "not a Secret")
	}
	annotations := collect(o.annotations())(f)
	s := sealed{dataKeys: object{}, values: object{}}

	head := collect(annotations.json(sealedAnnotation))(f)
	s.place = placeOf(scopeOf(head, f), o, f)
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		if handle, ok := strings.CutPrefix(name, dataKeyAnnotation); ok {
			s.dataKeys[handle] = collect(annotations.json(name))(f)
		}
	}

	for _, field := range []string{"data", "stringData"} {
		for item, text := range collect(o.object(field))(f) {
			if _, twice := s.values[item]; twice {
				f.add(malformed, "item %q is in data and in stringData", item)
			}
			s.values[item] = text
		}
	}
	return s
}

// json is the JSON object that the text of that name holds.
func (o object) json(name string) (object, error) {
	text, err := o.text(name)
	if err != nil {
		return nil, err
	}
	inner, err := parseObject([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return inner, nil
}

// scopeOf is the byte of the scope that o states, 0 if there is none.
func scopeOf(o object, f *failures) byte {
	name := collect(o.text("scope"))(f)
	scope, ok := scopes[name]
	if !ok {
		f.add(malformed, "no scope %q", name)
	}
	return scope
}

// placeOf is the place of an object, by its own metadata.
func placeOf(scope byte, o object, f *failures) []byte {
	return collect(place(scope, collect(o.object("metadata"))(f)))(f)
}

// collect takes the two results of a call; what it gives takes the place to put
// the failure, as one of shape, and gives the value.
func collect[T any](value T, err error) func(*failures) T {
	return func(f *failures) T {
		if err != nil {
			f.add(malformed, "%v", err)
		}
		return value
	}
}
