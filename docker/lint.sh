#!/usr/bin/env bash
# Checks what deploys the service: the Dockerfile by hadolint, the unit by systemd where it is there, the scripts by bash.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=target/lint
want=$(sha256sum docker/lint-requirements.txt | cut -d' ' -f1)
if [ "$(cat "$tools/.complete" 2>/dev/null || true)" != "$want" ]; then
  rm -rf "$tools"
  python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --target "$tools" --requirement docker/lint-requirements.txt
  echo "$want" >"$tools/.complete"
fi
"$tools/bin/hadolint" docker/Dockerfile
for script in docker/*.sh; do bash -n "$script"; done
if command -v systemd-analyze >/dev/null; then
  unit=$(mktemp -d)/sts.service
  # The program need not be installed here.
  sed 's#^ExecStart=.*#ExecStart=/bin/true#' docker/systemd/sts.service >"$unit"
  systemd-analyze verify "$unit"
  rm -r "$(dirname "$unit")"
else
  echo "docker/systemd/sts.service: not checked, systemd-analyze is not here"
fi
