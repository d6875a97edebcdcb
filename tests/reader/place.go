package main

import "fmt"

// The scope bytes with which a place begins.
const (
	strictByte        = 1
	namespaceWideByte = 2
	clusterWideByte   = 3
	clusterByte       = 4 // a ClusterSealedSecret
)

// scopes are the scopes that have a name.
var scopes = map[string]byte{
	"Strict":        strictByte,
	"NamespaceWide": namespaceWideByte,
	"ClusterWide":   clusterWideByte,
}

// place is where a value may be opened, as the octets that bind it. What the
// scope needs of the object's own metadata has to be there.
func place(scope byte, metadata object) ([]byte, error) {
	octets := []byte{scope}
	needed := map[byte][]string{
		strictByte:        {"namespace", "name"},
		namespaceWideByte: {"namespace"},
		clusterByte:       {"name"},
	}
	for _, field := range needed[scope] {
		text, err := metadata.text(field)
		if err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
		if text == "" {
			return nil, fmt.Errorf("the scope needs metadata.%s", field)
		}
		octets = appendLP(octets, text)
	}
	return octets, nil
}
