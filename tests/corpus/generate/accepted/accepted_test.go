// Package accepted holds the corpus to its promise: what it calls a Secret is
// one that an API server would take, as far as its types and names go.
package accepted

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	kubejson "sigs.k8s.io/json"
)

// unreadable is what kubectl does not read at all; ../../README.md says why.
var unreadable = map[string]bool{
	"directive.yaml":      true,
	"marker-content.yaml": true,
	"marker-tag.yaml":     true,
}

// refused is what an API server refuses for the name.
var refused = map[string]bool{
	"name-upper-case.yaml": true,
	"helm-set.yaml":        true,
}

func TestSecretsOfTheCorpusAreAccepted(t *testing.T) {
	for _, folder := range []string{"hand", "tools"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", folder, "*"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files in %s: %v", folder, err)
		}
		for _, path := range paths {
			t.Run(folder+"/"+filepath.Base(path), func(t *testing.T) { checkFile(t, path) })
		}
	}
}

func checkFile(t *testing.T, path string) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stream := transform.NewReader(file, unicode.BOMOverride(unicode.UTF8.NewDecoder()))
	decoder := yaml.NewYAMLOrJSONDecoder(stream, 4096)
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if !unreadable[filepath.Base(path)] {
				t.Error(err)
			}
			return
		}
		checkDocument(t, filepath.Base(path), document, "")
	}
	if unreadable[filepath.Base(path)] {
		t.Error("kubectl reads it after all")
	}
}

func checkDocument(t *testing.T, file string, document []byte, kind string) {
	if !bytes.HasPrefix(bytes.TrimSpace(document), []byte("{")) {
		return
	}
	var head struct {
		Kind  string
		Items []json.RawMessage
	}
	if err := json.Unmarshal(document, &head); err != nil {
		t.Error(err)
		return
	}
	if head.Kind != "" {
		kind = head.Kind
	}
	switch kind {
	case "List":
		for _, item := range head.Items {
			checkDocument(t, file, item, "")
		}
	case "SecretList":
		for _, item := range head.Items {
			checkDocument(t, file, item, "Secret")
		}
	case "Secret":
		checkSecret(t, file, document)
	}
}

func checkSecret(t *testing.T, file string, document []byte) {
	secret := &corev1.Secret{}
	strict, err := kubejson.UnmarshalStrict(document, secret)
	if err != nil {
		t.Error(err)
		return
	}
	for _, err := range strict {
		t.Error(err)
	}
	// What kubectl or the server fills in before the check is no fault.
	if secret.Namespace == "" {
		secret.Namespace = metav1.NamespaceDefault
	}
	if secret.Name == "" {
		secret.Name = secret.GenerateName + "abcde"
	}
	if !refused[file] {
		for _, err := range apivalidation.ValidateObjectMeta(&secret.ObjectMeta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata")) {
			t.Error(err)
		}
	}
	for key := range secret.StringData {
		if _, both := secret.Data[key]; both {
			t.Errorf("%q is in data and in stringData", key)
		}
		checkKey(t, key)
	}
	for key := range secret.Data {
		checkKey(t, key)
	}
}

func checkKey(t *testing.T, key string) {
	for _, fault := range validation.IsConfigMapKey(key) {
		t.Errorf("%q: %s", key, fault)
	}
}
