#!/usr/bin/env bash
# Builds the kubelet that the bench runs beside farlet, of the version that the control plane has. Kept in $FARLET_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${FARLET_CACHE:-$HOME/.cache/farlet}
module=e2e/kubelet

built=$cache/kubelet-$(cat $module/go.mod $module/go.sum | sha256sum | cut -c1-16)
if ! [ -x "$built/kubelet" ]; then
  . scripts/go-build.sh
  echo '── building the kubelet: a minute if the control plane was built here, ten if not'
  rm -rf "$cache"/kubelet-*
  mkdir -p "$built.tmp"
  version=k8s.io/component-base/version
  # cadvisor reads the machine through C
  CGO_ENABLED=1 go_build $module -- -o "$built.tmp/" -ldflags "-s -w -X $version.gitVersion=v1.36.3 \
    -X $version.gitMajor=1 -X $version.gitMinor=36 -X $version.gitTreeState=clean" -- k8s.io/kubernetes/cmd/kubelet
  mv "$built.tmp" "$built"
fi
