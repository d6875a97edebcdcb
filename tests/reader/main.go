// Command reader is a second implementation of a reader of the native format,
// written from docs/format.md alone and with nothing but Go's standard
// library. It shows that the document is enough, and judges the test vectors.
//
//	reader DIR
//
// It reads every regular file of DIR but README.md as a vector (format.md,
// section "Vectors") and prints one JSON object for each, one a line, sorted
// by the file's name:
//
//	{"file": NAME, "expect": CLASS, "got": CLASS, "detail": TEXT}
//
// A class is "opens", "malformed", "unsupported", "no-key" or "open"; "got" is
// "wrong-contents" if a case opens as it should and holds something else than
// its headers say.
//
// The exit code is 0 if there was at least one file and every one was as
// expected, 1 if not, and 2 for wrong usage and for a file that is no vector.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// wrongContents is what "got" says of a case that opens to something else.
const wrongContents = "wrong-contents"

// report is one line of the output.
type report struct {
	File   string `json:"file"`
	Expect string `json:"expect"`
	Got    string `json:"got"`
	Detail string `json:"detail"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reader DIR")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1], os.Stdout, os.Stderr))
}

// run judges the vectors in dir and returns the exit code.
func run(dir string, stdout, stderr io.Writer) int {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	out := json.NewEncoder(stdout)
	out.SetEscapeHTML(false)
	read, failed, broken := 0, 0, 0
	for _, entry := range entries {
		if !entry.Type().IsRegular() || entry.Name() == "README.md" {
			continue
		}
		read++
		r, err := judge(dir, entry.Name())
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", entry.Name(), err)
			broken++
			continue
		}
		if r.Got != r.Expect {
			failed++
		}
		if err := out.Encode(r); err != nil {
			fmt.Fprintln(stderr, err)
			return 2
		}
	}
	switch {
	case broken > 0:
		return 2
	case read == 0:
		fmt.Fprintln(stderr, "no vectors in", dir)
		return 1
	case failed > 0:
		fmt.Fprintf(stderr, "%d of %d vectors are not as expected\n", failed, read)
		return 1
	}
	return 0
}

// judge reads one vector and compares what it gives with what it should. The
// error means that the file is no vector.
func judge(dir, name string) (report, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return report{}, err
	}
	v, err := parseVector(text)
	if err != nil {
		return report{}, err
	}
	got := v.read()
	r := report{File: name, Expect: string(v.expect), Got: string(got.class), Detail: got.detail}
	if v.expect == opens && got.class == opens {
		if difference := v.compare(got); difference != "" {
			r.Got, r.Detail = wrongContents, difference
		}
	}
	return r, nil
}
