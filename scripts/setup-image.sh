#!/usr/bin/env bash
# Builds farlet's image for those who install it in a cluster of tests, from the Dockerfile, on bases made of this
# machine's files. Kept in $FARLET_CACHE. With `packages`: only what builds it.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${FARLET_CACHE:-$HOME/.cache/farlet}
. scripts/packages.sh
packages buildah
[ "${1:-}" != packages ] || exit 0

built=$cache/image-$(cat Dockerfile .dockerignore package.json package-lock.json e2e/image/*.sh scripts/*.ts \
  $(find src proto -type f ! -name '*.test.ts' | sort) | sha256sum | cut -c1-16)
if ! [ -f "$built/farlet.tar" ]; then
  echo "── farlet's image: about two minutes"
  rm -rf "$cache"/image-*
  mkdir -p "$built.tmp"
  e2e/image/with-store.sh e2e/image/build.sh "$built.tmp/farlet.tar"
  mv "$built.tmp" "$built"
fi
