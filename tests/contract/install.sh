#!/usr/bin/env bash
# The validators of the contract's documents, as their lock file has them; does nothing the second time.
set -euo pipefail
cd "$(dirname "$0")"
want=$(cat package-lock.json install.sh | sha256sum | cut -d' ' -f1)
[ "$(cat node_modules/.complete 2>/dev/null || true)" = "$want" ] && exit 0
echo "Installing the validators of AsyncAPI, OpenAPI and JSON Schema"
npm ci --no-audit --no-fund --loglevel=error
echo "$want" > node_modules/.complete
