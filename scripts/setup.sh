#!/usr/bin/env bash
# Makes a fresh Debian machine ready for the tests and the demo: packages, npm modules, the control plane, containerd
# 2.x, Helm, images. What is built is kept in $FARLET_CACHE (default ~/.cache/farlet). Starts no service.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${FARLET_CACHE:-$HOME/.cache/farlet}
mkdir -p "$cache"
step() { printf '── %s\n' "$*"; }

. scripts/go-build.sh
. scripts/packages.sh

packages etcd-server containerd runc containernetworking-plugins busybox-static iptables iproute2 openssl curl \
  docker-registry openssh-server sudo

if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
  step 'npm packages'
  npm ci --no-audit --no-fund --loglevel=error
fi

key() { cat "$@" | sha256sum | cut -c1-16; }

built=$cache/control-plane-$(key e2e/control-plane/main.go e2e/control-plane/go.mod e2e/control-plane/go.sum)
if ! [ -x "$built/control-plane" ]; then
  step 'building the control plane: about ten minutes the first time'
  version=k8s.io/component-base/version
  rm -rf "$cache"/control-plane-*
  go_build e2e/control-plane -- -o "$built.tmp/control-plane" \
    -ldflags "-s -w -X $version.gitVersion=v1.36.3 -X $version.gitMajor=1 -X $version.gitMinor=36 -X $version.gitTreeState=clean" -- .
  mv "$built.tmp" "$built"
fi

built=$cache/containerd-$(key e2e/hosts/containerd/go.mod e2e/hosts/containerd/go.sum)
if ! [ -x "$built/containerd" ]; then
  step 'building containerd 2: about two minutes the first time'
  rm -rf "$cache"/containerd-*
  mkdir -p "$built.tmp"
  module=github.com/containerd/containerd/v2
  CGO_ENABLED=0 go_build e2e/hosts/containerd -- -tags 'no_btrfs no_devmapper no_zfs no_aufs' \
    -ldflags "-s -w -X $module/version.Version=2.1.9" -o "$built.tmp/" \
    -- $module/cmd/containerd $module/cmd/containerd-shim-runc-v2 $module/cmd/ctr
  mv "$built.tmp" "$built"
fi

built=$cache/clients-$(key e2e/clients/go.mod e2e/clients/go.sum)
if ! [ -x "$built/metrics-server" ]; then
  step 'building metrics-server: about two minutes the first time'
  rm -rf "$cache"/clients-*
  mkdir -p "$built.tmp"
  CGO_ENABLED=0 go_build e2e/clients -- -ldflags '-s -w' -o "$built.tmp/" -- sigs.k8s.io/metrics-server/cmd/metrics-server
  mv "$built.tmp" "$built"
fi

built=$cache/images-$(key e2e/hosts/make-images.ts)
if ! [ -f "$built/images.tar" ]; then
  step 'test images'
  rm -rf "$cache"/images-*
  mkdir -p "$built"
  node_modules/.bin/node e2e/hosts/make-images.ts /bin/busybox "$built/images.tar"
fi

for major in 4 3; do
  module=e2e/helm/v$major
  built=$cache/helm-v$major-$(key $module/go.mod $module/go.sum)
  [ -x "$built/helm" ] && continue
  step "building helm $major: about four minutes the first time"
  rm -rf "$cache"/helm-v$major-*
  mkdir -p "$built.tmp"
  CGO_ENABLED=0 go_build $module -- -ldflags '-s -w' -o "$built.tmp/" -- helm.sh/helm/v$major/cmd/helm
  mv "$built.tmp" "$built"
done
