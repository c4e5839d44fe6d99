#!/usr/bin/env bash
# Builds the Dockerfile with buildah on the bases of make-bases.sh, and writes the image as an OCI archive.
# usage: build.sh ARCHIVE [NAME]; default NAME localhost/farlet:VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."
archive=$1
version=$(node -p "require('./package.json').version")
name=${2:-localhost/farlet:$version}
secret=()
if [ -f "${HOME:-/root}/.npmrc" ]; then secret=(--secret "id=npmrc,src=${HOME:-/root}/.npmrc"); fi
# no registry is asked for a base; what is built twice is the same
buildah build --pull-never --layers --timestamp 0 --format oci --quiet "${secret[@]}" \
  --build-arg BUILD_BASE=localhost/farlet-build-base:1 --build-arg BASE=localhost/farlet-base:1 \
  --build-arg "VERSION=$version" --build-arg "COMMIT=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  -t "$name" -f Dockerfile . > /dev/null
rm -f "$archive"
buildah push --quiet "$name" "oci-archive:$archive:$name" > /dev/null
