#!/usr/bin/env bash
# Puts libtorch into .libtorch at the root of the repository; does nothing when it is already there.
#
#   .libtorch/site/   the wheels as they are, verified by pip against requirements.txt
#   .libtorch/link/   what the linker sees: headers, libc10, libtorch_cpu, and a libtorch.so that is a
#                     linker script for libtorch_cpu, so that one binary serves machines with and without a GPU
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
home="$root/.libtorch"
want=$(sha256sum "$here/requirements.txt" "$here/install.sh" | sha256sum | cut -d' ' -f1)
[ "$(cat "$home/.complete" 2>/dev/null || true)" = "$want" ] && exit 0

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { echo "libtorch: only Linux on x86-64 has pinned wheels; set LIBTORCH to an installed libtorch 2.11.0" >&2; exit 1; }
python3 -m pip --version >/dev/null 2>&1 || { echo "libtorch: pip is missing (Debian: apt-get install python3-pip)" >&2; exit 1; }

echo "libtorch: fetching (about 550 MB, verified by SHA-256)"
rm -rf "$home"
mkdir -p "$home"
python3 -m pip install --progress-bar on --root-user-action ignore --disable-pip-version-check --no-deps --require-hashes \
  --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 --abi none \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
  --target "$home/site" --requirement "$here/requirements.txt"

mkdir -p "$home/link/lib"
ln -s ../site/torch/include "$home/link/include"
ln -s ../../site/torch/lib/libc10.so ../../site/torch/lib/libtorch_cpu.so "$home/link/lib/"
echo 'INPUT(-ltorch_cpu)' > "$home/link/lib/libtorch.so"
echo 2.11.0 > "$home/link/build-version"
echo "$want" > "$home/.complete"
