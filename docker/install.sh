#!/usr/bin/env bash
# Lays a built program out under a prefix: bin/sts, and beside it the libraries of libtorch that it loads.
# It is for a CPU.
set -euo pipefail
prefix=${1:?where to: docker/install.sh PREFIX}
cd "$(dirname "$0")/.."
site=.libtorch/site
[ -x target/release/sts ] || { echo "target/release/sts is missing: make build" >&2; exit 1; }

install -d "$prefix/bin" "$prefix/lib/torch/lib" "$prefix/lib/nvidia/cu13/lib"
install -m 755 target/release/sts "$prefix/bin/sts"
cp -a "$site"/torch/lib/{libtorch_cpu.so,libc10.so,libgomp*} "$prefix/lib/torch/lib/"
cp -a "$site"/nvidia/cu13/lib/{libcudart.so.13,libcupti.so.13} "$prefix/lib/nvidia/cu13/lib/"
