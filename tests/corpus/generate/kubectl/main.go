// Command kubectl is kubectl itself, built from the module that this
// generator pins: the upstream main package lives in k8s.io/kubernetes, which
// cannot be required as a module.
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
