#!/usr/bin/env bash
# Puts the CUDA libraries beside the libtorch of this checkout, where libtorch_cuda.so looks for them; does nothing when
# they are already there. For a machine with a GPU, and for an image that will meet one: neither a GPU nor a driver is
# needed here.
#
#   .libtorch/cuda/           the wheels as they are, verified by pip against requirements-cuda.txt
#   .libtorch/site/nvidia/    their libraries, as links to the same bytes
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home="$(cd "$here/../.." && pwd)/.libtorch"
[ -d "$home/site/torch" ] || { echo "libtorch is missing: models/libtorch/install.sh" >&2; exit 1; }
want=$(sha256sum "$here/requirements-cuda.txt" "$here/install-cuda.sh" | sha256sum | cut -d' ' -f1)
[ "$(cat "$home/cuda/.complete" 2>/dev/null || true)" = "$want" ] && exit 0

echo "CUDA libraries: fetching (about 1.8 GB, verified by SHA-256)"
rm -rf "$home/cuda"
python3 -m pip install --progress-bar on --root-user-action ignore --disable-pip-version-check --no-deps --require-hashes \
  --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 --abi none \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_18_x86_64 \
  --platform manylinux_2_17_x86_64 --platform manylinux_2_12_x86_64 --platform manylinux2014_x86_64 \
  --platform manylinux2010_x86_64 --target "$home/cuda" --requirement "$here/requirements-cuda.txt"

cd "$home/cuda"
find nvidia -name '*.so*' -print0 | while IFS= read -r -d '' library; do
  mkdir -p "$home/site/$(dirname "$library")"
  # What the runtime's own wheels brought stays.
  [ -e "$home/site/$library" ] || ln "$library" "$home/site/$library"
done
echo "$want" >"$home/cuda/.complete"
