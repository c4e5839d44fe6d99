#!/usr/bin/env bash
# Builds what reads kubelets in the remote suite: Prometheus and promtool, without their pages and with no discovery but
# Kubernetes', and OpenTelemetry's kubeletstats receiver. Kept in $FARLET_CACHE. With `prometheus`: only those two.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${FARLET_CACHE:-$HOME/.cache/farlet}
. scripts/go-build.sh

module=e2e/clients/prometheus
built=$cache/prometheus-$(cat $module/go.mod $module/go.sum | sha256sum | cut -c1-16)
if ! [ -x "$built/promtool" ]; then
  echo '── building Prometheus: about five minutes the first time'
  rm -rf "$cache"/prometheus-*
  mkdir -p "$built.tmp"
  CGO_ENABLED=0 go_build $module -- -tags remove_all_sd,enable_kubernetes_sd -ldflags '-s -w' -o "$built.tmp/" \
    -- github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool
  mv "$built.tmp" "$built"
fi
[ "${1:-}" != prometheus ] || exit 0

module=e2e/clients/kubeletstats
built=$cache/kubeletstats-$(cat $module/main.go $module/go.mod $module/go.sum | sha256sum | cut -c1-16)
if ! [ -x "$built/kubeletstats" ]; then
  echo '── building the kubeletstats receiver: about two minutes the first time'
  rm -rf "$cache"/kubeletstats-*
  mkdir -p "$built.tmp"
  CGO_ENABLED=0 go_build $module -- -ldflags '-s -w' -o "$built.tmp/" -- .
  mv "$built.tmp" "$built"
fi
