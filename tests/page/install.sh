#!/usr/bin/env bash
# What drives Chromium and judges accessibility, as the lock file has it; does nothing the second time.
set -euo pipefail
cd "$(dirname "$0")"
want=$(cat package-lock.json install.sh | sha256sum | cut -d' ' -f1)
[ "$(cat node_modules/.complete 2>/dev/null || true)" = "$want" ] && exit 0
echo "Installing puppeteer-core and axe-core for the tests of the operators' page"
npm ci --no-audit --no-fund --loglevel=error
echo "$want" > node_modules/.complete
