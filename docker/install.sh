#!/usr/bin/env bash
# Lays a built program out under a prefix: bin/sts, and beside it the libraries of libtorch that it loads.
#
#   docker/install.sh PREFIX          for a CPU
#   docker/install.sh PREFIX cuda     for a GPU, and a CPU: the same program opens libtorch_cuda.so where it finds a driver
#
# PROGRAM names another build than target/release/sts.
set -euo pipefail
prefix=${1:?where to: docker/install.sh PREFIX [cpu|cuda]} device=${2:-cpu}
program=${PROGRAM:-target/release/sts}
cd "$(dirname "$0")/.."
site=.libtorch/site
case "$device" in cpu | cuda) ;; *) echo "'$device' is neither cpu nor cuda" >&2; exit 1 ;; esac
[ -x "$program" ] || { echo "$program is missing: make build" >&2; exit 1; }

install -d "$prefix/bin" "$prefix/lib/torch/lib" "$prefix/lib/nvidia/cu13/lib"
install -m 755 "$program" "$prefix/bin/sts"
cp -a "$site"/torch/lib/{libtorch_cpu.so,libc10.so,libgomp*} "$prefix/lib/torch/lib/"
cp -a "$site"/nvidia/cu13/lib/{libcudart.so.13,libcupti.so.13} "$prefix/lib/nvidia/cu13/lib/"
# By which `sts doctor` knows the release.
cp "$site/../link/build-version" "$prefix/lib/torch/"
[ "$device" = cuda ] || exit 0

[ -d "$site/nvidia/cudnn" ] || { echo "The CUDA libraries are missing: models/libtorch/install-cuda.sh" >&2; exit 1; }
# Dense linear algebra (libtorch_cuda_linalg, cuSOLVER) is what no engine calls.
cp -a "$site"/torch/lib/{libtorch_cuda.so,libc10_cuda.so,libtorch_nvshmem.so,libcaffe2_nvrtc.so} "$prefix/lib/torch/lib/"
copy() { # FOLDER PATTERN…: its libraries of these names
  local folder=$1 name
  shift
  install -d "$prefix/lib/nvidia/$folder/lib"
  for name in "$@"; do cp -a "$site/nvidia/$folder/lib"/$name.so* "$prefix/lib/nvidia/$folder/lib/"; done
}
copy cu13 libcublas libcublasLt libcufft libcufile libcurand libcusparse libnvJitLink libnvrtc libnvrtc-builtins
copy cudnn 'libcudnn*'
copy nccl libnccl
copy nvshmem libnvshmem_host
copy cusparselt libcusparseLt

# What is missing would be found out on a machine with a GPU alone, by a service that says it sees none.
lacking=$(LD_LIBRARY_PATH='' ldd "$prefix"/lib/torch/lib/libtorch_cuda.so "$prefix"/lib/nvidia/cudnn/lib/*.so.9 |
  awk '/not found/ && $1 !~ /^libcuda\.so/ { print $1 }' | sort -u)
[ -z "$lacking" ] || { echo "libtorch_cuda.so or cuDNN wants what is not there:" $lacking >&2; exit 1; }
