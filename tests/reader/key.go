package main

// openKey reads a key Secret.
func openKey(o object) result {
	var f failures
	if !o.is("v1", "Secret") || o["type"] != "kseal.dev/sealing-key" {
		f.add(malformed, "not a Secret of type kseal.dev/sealing-key")
	}
	data := collect(o.object("data"))(&f)
	suite := collect(data.octets("suite"))(&f)
	seed := collect(data.octets("seed"))(&f)
	if created := collect(data.octets("createdAt"))(&f); len(created) == 0 {
		f.add(malformed, "no createdAt")
	}
	annotations := collect(o.annotations())(&f)
	stated := collect(annotations.text("kseal.dev/fingerprint"))(&f)
	if f.any() {
		return f.failed()
	}
	key, err := newPrivateKey(string(suite), seed)
	if err != nil {
		f.add(malformed, "%v", err)
		return f.failed()
	}
	if annotations.has("kseal.dev/fingerprint") && stated != key.fingerprint {
		f.add(malformed, "the fingerprint is not that of the seed")
		return f.failed()
	}
	return result{class: opens, fingerprint: key.fingerprint}
}
