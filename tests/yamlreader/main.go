// Command yamlreader says how kubectl reads manifests, so that the Rust reader
// can be judged by a second opinion.
//
//	yamlreader FILE...
//
// It prints one JSON object for each file, one a line, in the order given:
//
//	{"file": FILE, "documents": [VALUE, ...]}
//	{"file": FILE, "documents": [VALUE, ...], "error": TEXT}
//
// With an error, the documents are those read before it. A file that cannot
// be read as YAML is an answer and not a failure: the exit code stays 0. It
// is 2 for wrong usage and 1 when a file cannot be opened.
//
// The steps are those of kubectl -f FILE (k8s.io/cli-runtime, FileVisitor and
// StreamVisitor): a byte order mark is taken away, and one of UTF-16 honoured;
// YAMLOrJSONDecoder splits the stream, keeps JSON as it is and converts YAML
// with sigs.k8s.io/yaml; documents that are empty or null are dropped. What is
// in a kind List stays one document.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// lookahead is how far the decoder looks for an opening brace; kubectl's value.
const lookahead = 4096

type answer struct {
	File      string            `json:"file"`
	Documents []json.RawMessage `json:"documents"`
	Error     string            `json:"error,omitempty"`
}

// document takes what the decoder found as JSON, in the manner of the
// runtime.RawExtension that kubectl decodes into. It stays empty for a document
// without content.
type document struct{ raw json.RawMessage }

func (d *document) UnmarshalJSON(raw []byte) error {
	d.raw = append(d.raw[:0], bytes.TrimSpace(raw)...)
	return nil
}

func documents(input io.Reader) ([]json.RawMessage, error) {
	stream := transform.NewReader(input, unicode.BOMOverride(unicode.UTF8.NewDecoder()))
	decoder := yaml.NewYAMLOrJSONDecoder(stream, lookahead)
	found := []json.RawMessage{}
	for {
		next := document{}
		switch err := decoder.Decode(&next); {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return found, err
		case len(next.raw) == 0, bytes.Equal(next.raw, []byte("null")):
			continue
		}
		found = append(found, next.raw)
	}
}

func read(path string) (answer, error) {
	file, err := os.Open(path)
	if err != nil {
		return answer{}, err
	}
	defer file.Close()
	found, err := documents(file)
	result := answer{File: path, Documents: found}
	if err != nil {
		result.Error = err.Error()
	}
	return result, nil
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: yamlreader FILE...")
		os.Exit(2)
	}
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	for _, path := range os.Args[1:] {
		result, err := read(path)
		if err == nil {
			err = output.Encode(result)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	}
}
