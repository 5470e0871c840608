#!/usr/bin/env bash
# Installs Debian or Ubuntu packages; without root it names the missing ones. The images run this too, so that there is
# one list.
#
#   system-packages.sh        what building and running need
#   system-packages.sh run    what a built program needs
#   system-packages.sh fetch  … and what it needs to fetch weights
#   system-packages.sh tests  what the tests need besides
set -euo pipefail

# The program: espeak-ng's library for phonemes, Apertium for pairs over Portuguese, FFmpeg for films, OpenMP for libtorch,
# OpenSSL for the Socket.IO client of `sts dub`, curl for health checks.
packages=(libgomp1 libssl3 libespeak-ng1 espeak-ng-data apertium apertium-es-pt ffmpeg curl ca-certificates)
case "${1:-}" in
  run) ;;
  fetch) packages+=(python3 python3-pip npm) ;;
  # A C++ compiler for libtorch's binding, OpenSSL's headers, pip for weights.
  *) packages+=(g++ make pkg-config libssl-dev python3 python3-pip python3-venv) ;;
esac
# tests: a browser for the operators' page, a wall clock that jumps, Prometheus and its promtool, an RTMP server, and
# GStreamer's RTSP server for a few lines of Python
[ "${1:-}" = tests ] && packages+=(chromium faketime prometheus nginx libnginx-mod-rtmp python3-gi
  gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' && continue
  # Python may come from elsewhere than Debian, and OpenSSL under another package's name.
  case "$package" in
    libssl3) ldconfig -p | grep -q 'libssl\.so\.3 ' && continue ;;
    python3) command -v python3 >/dev/null && continue ;;
    npm) command -v npm >/dev/null && continue ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
    chromium) [ -n "${CHROMIUM:-}" ] && continue ;;
    prometheus) command -v prometheus >/dev/null && command -v promtool >/dev/null && continue ;;
    python3-venv) python3 -c 'import ensurepip, venv' >/dev/null 2>&1 && continue ;;
  esac
  missing+=("$package")
done
case "${1:-}" in
  run | fetch) ;;
  *)
    command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }
    command -v npm >/dev/null || { echo "Node.js with npm is missing: one package of voices comes by it" >&2; exit 1; }
    ;;
esac
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "These packages are missing; install them and try again:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# No package may start a service of its own here, now or at the next boot: the tests start what they need.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
for service in prometheus nginx; do
  case " ${missing[*]} " in
    *" $service "*) ! command -v systemctl >/dev/null || systemctl disable --quiet "$service" 2>/dev/null || true ;;
  esac
done
