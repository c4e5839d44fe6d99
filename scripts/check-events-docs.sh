#!/usr/bin/env bash
# Fails if docs/events.md is not what the tables of reasons make. With --write, writes it.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --write ]; then
  node_modules/.bin/node scripts/events-page.ts > docs/events.md
else
  node_modules/.bin/node scripts/events-page.ts | diff docs/events.md - ||
    { echo 'docs/events.md is stale: run npm run gen' >&2; exit 1; }
fi
