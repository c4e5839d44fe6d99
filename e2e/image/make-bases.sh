#!/usr/bin/env bash
# Makes the two images that the Dockerfile starts from out of this machine's files, for where no registry can be
# reached: localhost/farlet-build-base (Node, npm, a shell) and localhost/farlet-base (Node and its libraries, as
# distroless has them). buildah's store is where CONTAINERS_STORAGE_CONF and STORAGE_DRIVER say.
set -euo pipefail
cd "$(dirname "$0")/../.."
node=$(readlink -f node_modules/node/bin/node)
npm=$(dirname "$(dirname "$(readlink -f "$(PATH=/usr/local/bin:/usr/bin command -v npm)")")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# what node is linked with, at the paths where its loader looks for it
libraries() {
  ldd "$node" | grep -o '/[^ ]*'
  # names are looked up through these, which nothing is linked with
  for module in dns files; do ldconfig -p | awk -v want="libnss_$module.so.2" '$1 == want && /x86-64|AArch64/ { print $NF; exit }'; done
}

root() { # FOLDER NODE
  mkdir -p "$1/etc/ssl/certs" "$1/tmp" "$1/home/nonroot" "$1$(dirname "$2")"
  chmod 1777 "$1/tmp"
  cp "$node" "$1$2"
  while read -r library; do
    mkdir -p "$1$(dirname "$library")"
    cp -L "$library" "$1$library"
  done < <(libraries)
  cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' > "$1/etc/passwd"
  printf 'root:x:0:\nnonroot:x:65532:\n' > "$1/etc/group"
  printf 'hosts: files dns\n' > "$1/etc/nsswitch.conf"
}

image() { # NAME FOLDER CONFIG…
  local name=$1 folder=$2 container
  shift 2
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$folder" / > /dev/null
  buildah config "$@" "$container"
  buildah commit --quiet --rm --timestamp 0 "$container" "$name" > /dev/null
}

root "$work/base" /nodejs/bin/node
image localhost/farlet-base:1 "$work/base" --user 65532:65532

root "$work/build" /usr/local/bin/node
mkdir -p "$work/build/bin" "$work/build/usr/bin" "$work/build/usr/local/lib/node_modules" "$work/build/root"
cp -L /bin/busybox "$work/build/bin/busybox"
for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$work/build/bin/$applet"; done
ln -s /bin/env "$work/build/usr/bin/env"
cp -r "$npm" "$work/build/usr/local/lib/node_modules/npm"
# the machine's own authorities, which a proxy before the registry may need
mkdir -p "$work/build/usr/local/etc"
echo cafile=/etc/ssl/certs/ca-certificates.crt > "$work/build/usr/local/etc/npmrc"
for each in npm npx; do ln -s "../lib/node_modules/npm/bin/$each-cli.js" "$work/build/usr/local/bin/$each"; done
image localhost/farlet-build-base:1 "$work/build" --env PATH=/usr/local/bin:/usr/bin:/bin
