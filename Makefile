# `make help` lists what there is. The two that a newcomer needs are `make demo` and `make test`; each installs what it
# lacks, and is quick the second time.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint coverage bench models build system libtorch test-clients clean

STS := target/release/sts
export CARGO_TERM_PROGRESS_WHEN ?= auto

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

demo: models ## Dub 52 s of English speech into Spanish, with real models through a real connection
	@echo "Dubbing tests/audio/lj001.wav (LJ Speech, public domain) into Spanish"
	@$(STS) dub tests/audio/lj001.wav --from en --to es --voice spanish_female_1 \
	  --out target/demo/dubbed.wav --report target/demo/report.json
	@echo "target/demo/report.json"

test: models test-clients ## Everything that CI runs
	@cargo build --release --workspace --bins --examples
	if cargo nextest --version >/dev/null 2>&1; then
	  cargo nextest run --release --workspace --no-fail-fast
	else
	  cargo test --release --workspace --no-fail-fast
	fi
	if [ -e /dev/nvidiactl ]; then
	  cargo test --release --package sts-models --test gpu -- --ignored
	else
	  echo "GPU checks (models/tests/gpu.rs): not run, this machine has no GPU"
	fi

lint: libtorch ## rustfmt, clippy with warnings as errors, schemas, AsyncAPI, OpenAPI
	@cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	cargo test --quiet --release --package sts-protocol --test contract -- generated_files schemas_are_valid
	tests/contract/install.sh
	node tests/contract/check.mjs

coverage: $(if $(filter gateway,$(or $(PARTS),gateway)),models test-clients) ## Lines covered by tests: protocol, stream, gateway; make coverage PARTS="protocol stream"
	@tests/coverage.sh $(PARTS)

bench: models test-clients ## Quality, latency, memory and start, each beside what it is compared with
	@tests/interop/.venv/bin/python tests/bench/bench.py

models: build ## Fetch, convert and verify the weights
	@$(STS) models fetch

build: system libtorch ## The program, in target/release/sts
	@cargo build --release --workspace --bins

system: ## System packages: installed when root, named when not
	@docker/system-packages.sh

libtorch:
	@models/libtorch/install.sh

test-clients: ## The official Socket.IO clients, for the tests
	@tests/interop/install.sh

clean: ## Remove what was built; libtorch and the weights stay
	@cargo clean --release --package sts --package sts-actors --package sts-models --package sts-protocol
