//go:build tools

// Package tools names the plugin that the lab builds, so that go.mod and go.sum cover it.
package tools

import _ "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus"
