#!/usr/bin/env bash
# Builds what only the remote suite needs: gVisor's runsc and its shim, a runtime beside runc. Kept in $FARLET_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${FARLET_CACHE:-$HOME/.cache/farlet}
module=e2e/hosts/gvisor

built=$cache/gvisor-$(cat $module/go.mod $module/go.sum | sha256sum | cut -c1-16)
if ! [ -x "$built/containerd-shim-runsc-v1" ]; then
  . scripts/go-build.sh
  echo '── building gVisor: about two minutes the first time'
  rm -rf "$cache"/gvisor-*
  mkdir -p "$built.tmp"
  CGO_ENABLED=0 go_build $module -- -ldflags '-s -w' -o "$built.tmp/" -- gvisor.dev/gvisor/runsc gvisor.dev/gvisor/shim
  mv "$built.tmp/shim" "$built.tmp/containerd-shim-runsc-v1"
  mv "$built.tmp" "$built"
fi
