//go:build tools

// Package tools pins kubeseal, against which the sealed-secrets format is tested.
package tools

import _ "github.com/bitnami/sealed-secrets/cmd/kubeseal"
