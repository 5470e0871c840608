#!/usr/bin/env bash
# Checks what deploys the service: the Dockerfiles by hadolint, the compositions by Docker Compose, the manifests by
# Kubernetes' own schemas, the units by systemd where it is there, the scripts by bash.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=target/lint
want=$(sha256sum docker/lint-requirements.txt | sha256sum | cut -d' ' -f1)
if [ "$(cat "$tools/.complete" 2>/dev/null || true)" != "$want" ]; then
  rm -rf "$tools"
  python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --target "$tools" --requirement docker/lint-requirements.txt
  echo "$want" >"$tools/.complete"
fi
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

"$tools/bin/hadolint" docker/Dockerfile docker/Dockerfile.cuda
for script in docker/*.sh models/libtorch/*.sh; do bash -n "$script"; done

# With what a person sets, and nothing else of this shell's.
compose() { env -i PATH="$PATH" HOME="$scratch" STS_TOKEN=set GRAFANA_PASSWORD=set "$tools/bin/docker-compose" "$@"; }
compose --env-file docker/.env.example -f docker/compose.yaml config --quiet
compose --env-file docker/.env.example -f docker/compose.yaml -f docker/compose.cuda.yaml config --quiet

manifests() { # FILE…: against the newest Kubernetes that the schemas know, and the oldest that this is meant for
  for version in 1.30 1.37; do
    PYTHONPATH=$tools python3 -W ignore -m kubernetes_validate --quiet --no-warn --strict -k "$version" "$@"
  done
}
# Kustomize's own files, patches and what is no part of Kubernetes itself have no schema there.
manifests $(find docker/kubernetes/base -name '*.yaml' ! -name kustomization.yaml)
if command -v kubectl >/dev/null; then
  for overlay in base cuda; do
    kubectl kustomize "docker/kubernetes/$overlay" >"$scratch/$overlay.yaml"
    manifests "$scratch/$overlay.yaml"
  done
else
  echo "docker/kubernetes/cuda: not put together, kubectl is not here"
fi

if command -v systemd-analyze >/dev/null; then
  for unit in sts.service sts-worker@.service; do
    # The program need not be installed here.
    sed 's#^ExecStart=/opt/sts/bin/sts#ExecStart=/bin/true#' "docker/systemd/$unit" >"$scratch/$unit"
  done
  # Of what it does not know it says so, and no more.
  said=$(systemd-analyze verify "$scratch/sts.service" "$scratch/sts-worker@news.service" 2>&1) || true
  if grep -F "$scratch" <<<"$said"; then exit 1; fi
else
  echo "docker/systemd: not checked, systemd-analyze is not here"
fi
