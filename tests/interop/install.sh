#!/usr/bin/env bash
# The official clients, as their lock files have them; does nothing the second time.
set -euo pipefail
cd "$(dirname "$0")"
want=$(cat package-lock.json requirements.txt install.sh | sha256sum | cut -d' ' -f1)
[ "$(cat .venv/.complete 2>/dev/null || true)" = "$want" ] && [ -d node_modules ] && exit 0
echo "Installing socket.io-client and python-socketio for the tests"
npm ci --no-audit --no-fund --loglevel=error
rm -rf .venv
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r requirements.txt
echo "$want" > .venv/.complete
