#!/usr/bin/env bash
# Fails if a generated file of docs/ or the chart is not what its source makes. With --write, writes them.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-}
page() {
  local page=$1
  shift
  if [ "$mode" = --write ]; then
    node_modules/.bin/node "$@" > "$page"
  else
    node_modules/.bin/node "$@" | diff "$page" - ||
      { echo "$page is stale: run npm run gen" >&2; exit 1; }
  fi
}
page docs/configuration.md src/main.ts config
page docs/events.md scripts/events-page.ts
page charts/farlet/values.schema.json scripts/chart/main.ts schema
page charts/farlet/README.md scripts/chart/main.ts readme
page docs/session.svg scripts/session-picture.ts
