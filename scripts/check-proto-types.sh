#!/usr/bin/env bash
# Fails if the checked-in CRI types are not what their generator makes of proto/cri.proto. With --write, writes them.
set -euo pipefail
cd "$(dirname "$0")/.."
out=src/hosts/cri/generated
[ "${1:-}" = --write ] || out=$(mktemp -d)
node_modules/.bin/proto-loader-gen-types --keepCase --longs=Number --enums=String --defaults --oneofs \
  --grpcLib=@grpc/grpc-js --importFileExtension=.ts -O "$out" proto/cri.proto
[ "${1:-}" = --write ] && exit 0
diff -r "$out" src/hosts/cri/generated || { echo "src/hosts/cri/generated is stale: run npm run gen" >&2; exit 1; }
rm -r "$out"
