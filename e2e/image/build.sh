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

# what the image promises: small, and nothing in it that runs commands
container=$(buildah from --pull-never "$name")
trap 'buildah rm "$container" > /dev/null' EXIT
root=$(buildah mount "$container")
size=$(du -sm "$root" | cut -f1)
if [ "$size" -ge 180 ]; then echo "the image has $size MiB, 180 are too many" >&2; exit 1; fi
shells=$(find "$root" -xdev \( -name sh -o -name '*bash' -o -name dash -o -name busybox \) ! -type d)
if [ -n "$shells" ]; then echo "the image has a shell: $shells" >&2; exit 1; fi

rm -f "$archive"
buildah push --quiet "$name" "oci-archive:$archive:$name" > /dev/null
