#!/usr/bin/env bash
# Builds the agents that nodes of clusters run, and images of them: kube-proxy, flannel, CoreDNS, node-exporter. Kept in
# $FARLET_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${FARLET_CACHE:-$HOME/.cache/farlet}
module=e2e/agents

built=$cache/agents-$(find $module e2e/harness/oci-archive.ts -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
if ! [ -f "$built/agents.tar" ]; then
  . scripts/go-build.sh
  echo '── building kube-proxy, flannel, CoreDNS, node-exporter: about six minutes the first time'
  rm -rf "$cache"/agents-*
  mkdir -p "$built.tmp/bin/cni"
  version=k8s.io/component-base/version
  go_build $module -- -o "$built.tmp/bin/" -ldflags "-s -w -X $version.gitVersion=v1.36.3 -X $version.gitMajor=1 \
    -X $version.gitMinor=36 -X github.com/flannel-io/flannel/pkg/version.Version=v0.28.10" \
    -- ./coredns github.com/flannel-io/flannel github.com/flannel-io/flannel/cmd/install_conf \
    github.com/prometheus/node_exporter k8s.io/kubernetes/cmd/kube-proxy
  # flannel's CNI plugin has since moved to a module of its own, which the proxy does not serve
  CGO_ENABLED=0 GOBIN=$built.tmp/bin/cni go install -trimpath github.com/containernetworking/plugins/plugins/meta/flannel@v0.9.1
  node_modules/.bin/node $module/make-images.ts "$built.tmp/bin" "$built.tmp/agents.tar"
  rm -rf "$built.tmp/bin"
  mv "$built.tmp" "$built"
fi
