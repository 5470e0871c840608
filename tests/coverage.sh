#!/usr/bin/env bash
# Lines that tests reach in the parts that must not be wrong, each beside what it must be at least; exits with 1 where
# one is below. Arguments name the parts to measure: protocol, stream, gateway; none means all.
#
# The gateway is tested from outside, in processes that tests kill. Their counters are therefore mapped into files
# (LLVM's continuous mode), and not written at an exit that never comes.
set -euo pipefail
cd "$(dirname "$0")/.."
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(protocol stream gateway)

cargo llvm-cov --version >/dev/null 2>&1 || cargo install cargo-llvm-cov --locked

# The compiler's own LLVM, or one of the same major version: the format of profiles changes with it.
tools=$(rustc --print target-libdir)/../bin
version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if [ ! -x "$tools/llvm-cov" ] && ! command -v "llvm-cov-$version" >/dev/null; then
  rustup component add llvm-tools 2>/dev/null || {
    [ "$(id -u)" -eq 0 ] || { echo "Missing: rustup component add llvm-tools, or the package llvm-$version" >&2; exit 1; }
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "llvm-$version" >/dev/null
  }
fi
if [ ! -x "$tools/llvm-cov" ]; then
  export LLVM_COV="llvm-cov-$version" LLVM_PROFDATA="llvm-profdata-$version"
  LLVM_COV=$(command -v "$LLVM_COV") LLVM_PROFDATA=$(command -v "$LLVM_PROFDATA")
fi

# A directory of its own: instrumented and plain builds would undo each other.
export CARGO_TARGET_DIR=$PWD/target/coverage
mkdir -p "$CARGO_TARGET_DIR"
export RUSTFLAGS="${RUSTFLAGS:-} -C llvm-args=-runtime-counter-relocation"
eval "$(cargo llvm-cov show-env --sh --no-cfg-coverage)"
export LLVM_PROFILE_FILE="${LLVM_PROFILE_FILE%.profraw}%c.profraw"

# But for what runs the real models: instrumented, they infer many times slower, and what that reaches of the gateway is
# reached over the fakes too.
without=(--skip real_speech --skip real_engines)
test_crate() { # --package and its name
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --release --no-fail-fast --status-level fail "$@" -- "${without[@]}"
  else
    cargo test --release --no-fail-fast --quiet "$@" -- "${without[@]}"
  fi
}

below=0
report() { # name, least percentage, package, path, endings of files to leave out
  local name=$1 least=$2 package=$3 path=$4 left_out=$5 json=$CARGO_TARGET_DIR/lines.json
  cargo llvm-cov report --release --package "$package" --json --summary-only --output-path "$json" 2>/dev/null
  python3 - "$json" "$PWD/$path/" "$name" "$least" "$left_out" <<'PYTHON' || below=1
import json, sys
report, path, name, least, left_out = sys.argv[1:]
files = [file for file in json.load(open(report))["data"][0]["files"] if file["filename"].startswith(path)
         and not file["filename"].endswith(("tests.rs", *left_out.split())) and "session_properties" not in file["filename"]]
lines = [(file["filename"].removeprefix(path), file["summary"]["lines"]) for file in files]
for file, line in sorted(lines, key=lambda pair: pair[0]):
    print(f"  {line['covered']:5} of {line['count']:5}  {file}")
covered, count = (sum(line[key] for _, line in lines) for key in ("covered", "count"))
percent = 100 * covered / count if count else 0.0
print(f"{name}: {percent:.1f} % of {count} lines (at least {least} %)")
sys.exit(percent < float(least))
PYTHON
}

for part in "${parts[@]}"; do
  case "$part" in
    protocol)
      cargo llvm-cov clean --profraw-only
      test_crate --package sts-protocol
      report "protocol" 95 sts-protocol protocol/src "" ;;
    stream)
      cargo llvm-cov clean --profraw-only
      test_crate --package sts-actors
      report "stream state machine and reorder queue" 95 sts-actors actors/src/stream "" ;;
    gateway)
      cargo llvm-cov clean --profraw-only
      cargo build --release --package sts --bins --examples
      # What comes in by the gateway's own door: the other suites are about what lies behind it.
      test_crate --package sts --lib --test socketio --test security --test hostile --test slow_reader \
        --test admission --test load --test operator
      report "gateway" 85 sts src/gateway ""
      report "the stream, from outside alone" 0 sts-actors actors/src/stream "" ;;
    *) echo "no part is called $part" >&2; exit 2 ;;
  esac
done
exit "$below"
