#!/usr/bin/env bash
# Fails if a generated page of docs/ is not what its source makes. With --write, writes them.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-}
page() {
  local page=$1
  shift
  if [ "$mode" = --write ]; then
    node_modules/.bin/node "$@" > "docs/$page"
  else
    node_modules/.bin/node "$@" | diff "docs/$page" - ||
      { echo "docs/$page is stale: run npm run gen" >&2; exit 1; }
  fi
}
page configuration.md src/main.ts config
page events.md scripts/events-page.ts
