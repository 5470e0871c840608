# `make help` lists what there is. The two that a newcomer needs are `make demo` and `make test`; each installs what it
# lacks, and is quick the second time.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint coverage bench screenshots soak soak-faults fuzz fuzz-short models build system libtorch test-clients clean

STS := target/release/sts
FUZZ_TARGETS ?= message fields audio reorder
FUZZ_SECONDS ?= 600
export CARGO_TERM_PROGRESS_WHEN ?= auto

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

demo: models ## Dub 52 s of English speech into Spanish, with real models through a real connection
	@echo "Dubbing tests/audio/lj001.wav (LJ Speech, public domain) into Spanish"
	@$(STS) dub tests/audio/lj001.wav --from en --to es --voice spanish_female_1 \
	  --out target/demo/dubbed.wav --report target/demo/report.json
	@echo "target/demo/report.json"

test: models test-clients ## Everything that CI runs
	@$(MAKE) --no-print-directory fuzz-short
	cargo build --release --workspace --bins --examples
	if cargo nextest --version >/dev/null 2>&1; then
	  cargo nextest run --release --workspace --no-fail-fast
	else
	  cargo test --release --workspace --no-fail-fast
	fi
	if [ -e /dev/nvidiactl ]; then
	  cargo test --release --package sts-models --package sts --test gpu -- --ignored
	else
	  echo "GPU checks (models/tests/gpu.rs, tests/gpu.rs): not run, this machine has no GPU"
	fi

lint: libtorch ## rustfmt, clippy with warnings as errors, schemas, AsyncAPI, OpenAPI, Dockerfiles, manifests, units
	@cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	cargo test --quiet --release --package sts-protocol --test contract -- generated_files schemas_are_valid
	tests/contract/install.sh
	node tests/contract/check.mjs
	docker/lint.sh

coverage: $(if $(filter gateway,$(or $(PARTS),gateway)),models test-clients) ## Lines covered by tests: protocol, stream, gateway; make coverage PARTS="protocol stream"
	@tests/coverage.sh $(PARTS)

bench: models test-clients ## Quality, latency, memory and start, each beside what it is compared with
	@cargo build --release --examples
	tests/interop/.venv/bin/python tests/bench/acks.py
	tests/interop/.venv/bin/python tests/bench/observability.py
	tests/interop/.venv/bin/python tests/bench/bench.py

screenshots: build test-clients ## The pictures in docs/operators.md, of the operators' page
	@cargo build --release --examples
	command -v pngquant >/dev/null || { echo "pngquant is missing: apt-get install pngquant"; exit 1; }
	node tests/page/screenshots.mjs

bench-restart: models ## What restarts cost in latency at true speed: 20 streams over fakes, 1 through the models; 10 minutes
	@cargo build --release --examples
	cargo test --release --test resilience latency_ -- --ignored --nocapture --test-threads=1

soak: build ## 10 000 fragments over 50 connections that break at random; memory is judged
	@cargo build --release --examples
	SOAK_FRAGMENTS=10500 cargo test --release --test soak -- --nocapture

soak-faults: build ## Half an hour of faults at random: engines, GPU, connections, an operator; SOAK_SECONDS, SOAK_SEED
	@cargo build --release --examples
	SOAK_SECONDS=$${SOAK_SECONDS:-1800} cargo test --release --test soak_faults -- --nocapture

fuzz: ## Fuzz what a stranger can send: FUZZ_SECONDS (600) a target, FUZZ_TARGETS
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked"; exit 1; }
	export RUSTC_BOOTSTRAP=1 # the address sanitizer's flags, on the stable toolchain
	for target in $(FUZZ_TARGETS); do
	  mkdir -p fuzz/target/found/$$target
	  dictionary=fuzz/dictionaries/$$target.dict
	  [ -e $$dictionary ] && dictionary=-dict=$$dictionary || dictionary=
	  cargo fuzz run $$target fuzz/target/found/$$target fuzz/corpus/$$target -- $$dictionary \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 -verbosity=0
	done

fuzz-short: ## The kept corpus and changes of it; and 10 s a target of fuzzing, where cargo-fuzz is installed
	@cargo test --locked --manifest-path fuzz/Cargo.toml --package sts-fuzz-checks --test replay
	if cargo fuzz --version >/dev/null 2>&1; then
	  $(MAKE) --no-print-directory fuzz FUZZ_SECONDS=10
	else
	  echo "coverage-guided fuzzing: not run, cargo-fuzz is not installed (cargo install cargo-fuzz --locked)"
	fi

models: build ## Fetch, convert and verify the weights
	@$(STS) models fetch

build: system libtorch ## The program, in target/release/sts
	@cargo build --release --workspace --bins

system: ## System packages: installed when root, named when not
	@docker/system-packages.sh

libtorch:
	@models/libtorch/install.sh

test-clients: ## The official Socket.IO clients, a browser, validators: for the tests
	@docker/system-packages.sh tests
	tests/interop/install.sh
	tests/contract/install.sh
	tests/page/install.sh

clean: ## Remove what was built; libtorch and the weights stay
	@cargo clean --release --package sts --package sts-actors --package sts-models --package sts-protocol
