package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// states are those of a sealing key in a bundle.
var states = []string{"active", "retiring", "retired", "compromised"}

// bundleKey is a public key in a bundle.
type bundleKey struct {
	suite       suite
	public      []byte
	epoch       uint32
	createdAt   string
	state       string
	fingerprint []byte
}

// origin is what the bundle of a cluster has and one of local keys has not.
type origin struct {
	clusterUID string
	identity   []byte
	serial     uint64
	issuedAt   string
	signature  []byte
}

// openBundle reads a bundle of public keys and verifies its signature, if it
// is one of a cluster.
func openBundle(o object) result {
	var f failures
	if !o.is(nativeVersion, "SealingKeyBundle") {
		f.add(malformed, "not a SealingKeyBundle")
	}
	metadata := collect(o.object("metadata"))(&f)
	name := collect(metadata.text("name"))(&f)
	if name == "" {
		f.add(malformed, "no metadata.name")
	}
	spec := collect(o.object("spec"))(&f)
	keys := collect(parseBundleKeys(spec))(&f)
	certificate := collect(spec.text("certificate"))(&f)
	if spec.has("certificate") && !isCertificate(certificate) {
		f.add(malformed, "the certificate is not PEM of an RSA key's")
	}
	from := collect(parseOrigin(spec))(&f)
	if f.any() {
		return f.failed()
	}

	r := result{class: opens}
	if from != nil {
		if !ed25519.Verify(from.identity, signed(name, from, keys, certificate), from.signature) {
			f.add(open, "the signature does not verify")
			return f.failed()
		}
		r.identity = identityFingerprint(from.identity)
	}
	if key, ok := sealingKey(keys); ok {
		r.sealingKey = named("k", key.fingerprint)
	}
	return r
}

// isCertificate tells whether a text is PEM of a certificate of an RSA key.
func isCertificate(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	_, ok := certificate.PublicKey.(*rsa.PublicKey)
	return ok
}

// identityFingerprint is what an identity is known by.
func identityFingerprint(identity []byte) string {
	sum := sha256.Sum256(append([]byte("kseal/1/identity"), identity...))
	return named("i", sum[:fingerprintSize])
}

// parseOrigin reads the five fields of which a bundle has all or none.
func parseOrigin(spec object) (*origin, error) {
	fields := []string{"clusterUID", "identity", "serial", "issuedAt", "signature"}
	missing := ""
	present := 0
	for _, field := range fields {
		if spec.has(field) {
			present++
		} else {
			missing = field
		}
	}
	if present == 0 {
		return nil, nil
	}
	if present < len(fields) {
		return nil, fmt.Errorf("no %s, and not a bundle of local keys", missing)
	}
	var from origin
	var errs [5]error
	from.clusterUID, errs[0] = spec.text("clusterUID")
	from.identity, errs[1] = spec.octets("identity")
	from.serial, errs[2] = spec.number("serial", 64)
	from.issuedAt, errs[3] = spec.text("issuedAt")
	from.signature, errs[4] = spec.octets("signature")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if len(from.identity) != ed25519.PublicKeySize { // a signature of another length does not verify
		return nil, errors.New("an identity of another length")
	}
	return &from, nil
}

// parseBundleKeys reads the keys of a bundle and gives them in ascending order
// of their fingerprints' octets.
func parseBundleKeys(spec object) ([]bundleKey, error) {
	list, ok := spec["keys"].([]any)
	if !ok {
		return nil, errors.New("keys is not a list")
	}
	var keys []bundleKey
	for i, entry := range list {
		key, err := parseBundleKey(entry)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b bundleKey) int { return bytes.Compare(a.fingerprint, b.fingerprint) })
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(keys[i-1].fingerprint, keys[i].fingerprint) {
			return nil, errors.New("a key is there twice")
		}
	}
	return keys, nil
}

// parseBundleKey reads one key of a bundle.
func parseBundleKey(entry any) (bundleKey, error) {
	o, ok := entry.(object)
	if !ok {
		return bundleKey{}, errors.New("not an object")
	}
	stated, err1 := o.text("fingerprint")
	suiteName, err2 := o.text("suite")
	public, err3 := o.octets("publicKey")
	epoch, err4 := o.number("epoch", 32)
	createdAt, err5 := o.text("createdAt")
	state, err6 := o.text("state")
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return bundleKey{}, err
	}
	s, err := findSuite(suiteName)
	if err != nil {
		return bundleKey{}, err
	}
	if len(public) != s.public {
		return bundleKey{}, fmt.Errorf("a public key of %d octets", len(public))
	}
	if _, err := s.kem.NewPublicKey(public); err != nil {
		return bundleKey{}, errors.New("not a public key of the suite")
	}
	if createdAt == "" {
		return bundleKey{}, errors.New("no createdAt")
	}
	if !slices.Contains(states, state) {
		return bundleKey{}, fmt.Errorf("no state %q", state)
	}
	fingerprint := s.fingerprint(public)
	if stated != named("k", fingerprint) {
		return bundleKey{}, errors.New("the fingerprint is not that of the public key")
	}
	return bundleKey{s, public, uint32(epoch), createdAt, state, fingerprint}, nil
}

// signed is the octets that the identity signs. The keys are in order.
func signed(name string, from *origin, keys []bundleKey, certificate string) []byte {
	octets := []byte("kseal/1/bundle")
	octets = appendLP(octets, name)
	octets = appendLP(octets, from.clusterUID)
	octets = binary.BigEndian.AppendUint64(octets, from.serial)
	octets = appendLP(octets, from.issuedAt)
	octets = binary.BigEndian.AppendUint32(octets, uint32(len(keys)))
	for _, key := range keys {
		octets = append(octets, key.suite.ids()...)
		octets = appendLP(octets, key.public)
		octets = binary.BigEndian.AppendUint32(octets, key.epoch)
		octets = appendLP(octets, key.createdAt)
		octets = appendLP(octets, key.state)
	}
	return appendLP(octets, certificate)
}

// sealingKey is the key that sealing uses: of the active ones that of the
// highest epoch, of equal ones the lowest. The keys are in order.
func sealingKey(keys []bundleKey) (bundleKey, bool) {
	var best bundleKey
	found := false
	for _, key := range keys {
		if key.state == "active" && (!found || key.epoch > best.epoch) {
			best, found = key, true
		}
	}
	return best, found
}
