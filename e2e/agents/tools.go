//go:build tools

package tools

import (
	_ "github.com/flannel-io/flannel"
	_ "github.com/flannel-io/flannel/cmd/install_conf"
	_ "github.com/prometheus/node_exporter"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
)
