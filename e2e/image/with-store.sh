#!/usr/bin/env bash
# Runs a command with buildah's store of the tests, in the cache, and with the bases in it; it needs no daemon and no
# storage driver of the machine's.
set -euo pipefail
here=$(dirname "$0")
store=${FARLET_CACHE:-$HOME/.cache/farlet}/buildah
mkdir -p "$store"
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/root"\nrunroot = "%s/run"\n' "$store" "$store" > "$store/storage.conf"
export CONTAINERS_STORAGE_CONF=$store/storage.conf STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
made=$store/bases-$(cat "$here/make-bases.sh" "$here/../../package-lock.json" | sha256sum | cut -c1-16)
if ! [ -e "$made" ]; then
  rm -f "$store"/bases-*
  "$here/make-bases.sh"
  touch "$made"
fi
"$@"
