#!/usr/bin/env bash
# Fails if docs/configuration.md is not what the schema makes. With --write, writes it.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --write ]; then
  node_modules/.bin/node src/main.ts config > docs/configuration.md
else
  node_modules/.bin/node src/main.ts config | diff docs/configuration.md - ||
    { echo 'docs/configuration.md is stale: run npm run gen' >&2; exit 1; }
fi
