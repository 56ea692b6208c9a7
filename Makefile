# Every target that a person calls has a `## ` comment: `make help` lists those.

CARGO ?= cargo
PREFIX ?= /usr/local
# The version of OpenCode that the tests and `make opencode` use; another one by OPENCODE_VERSION=1.14.34.
OPENCODE_VERSION ?= $(shell cat tests/opencode-version)
export OPENCODE_VERSION

# Most tests wait more than they work; those with real servers take turns (tests/support/seats.rs).
TEST_THREADS ?= 6

MACHINE := $(shell uname -m)
SYSROOT := $(shell rustc --print sysroot)
# The musl target needs no flags; with glibc a static binary must be asked for, and the target must be
# named, or the flags would reach the procedural macros too. Options of linker and compiler beyond that
# saved 0.7 MB of 3.3, and are not worth what they cost to maintain.
ifneq ($(wildcard $(SYSROOT)/lib/rustlib/$(MACHINE)-unknown-linux-musl),)
STATIC_TARGET := $(MACHINE)-unknown-linux-musl
STATIC_FLAGS :=
else
STATIC_TARGET := $(MACHINE)-unknown-linux-gnu
STATIC_FLAGS := -C target-feature=+crt-static
endif
STATIC := target/$(STATIC_TARGET)/release/occtl
# Messages of a panic name source files. Without the place of this checkout and of cargo's files the
# same sources give the same bytes everywhere.
CARGO_PLACE := $(or $(CARGO_HOME),$(HOME)/.cargo)
REMAPPED := --remap-path-prefix=$(CARGO_PLACE)=/cargo --remap-path-prefix=$(CURDIR)=/occtl

# The other machine for which `make dist` makes an archive, if this tool chain can: musl brings its own
# library, and rust-lld links for any machine.
OTHER := $(if $(filter x86_64,$(MACHINE)),aarch64,x86_64)
OTHER_TARGET := $(OTHER)-unknown-linux-musl

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help build static demo playground test budgets chaos fuzz compat lint docs opencode measure bench-demo test-slurm test-parallel scale-figures install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the release binary, target/release/occtl
	$(CARGO) build --release

static: ## build one static binary, check that it is one, print its size and path
	RUSTFLAGS='$(STATIC_FLAGS) $(REMAPPED)' $(CARGO) build --release --bin occtl --target $(STATIC_TARGET)
	@if LC_ALL=C readelf -lWd $(STATIC) | grep -E 'INTERP|NEEDED'; then \
		echo 'make static: $(STATIC) is not static' >&2; exit 1; fi
	@echo "static, $$(wc -c < $(STATIC)) bytes: $(STATIC)"

demo: ## start a real OpenCode with a scripted model, send prompts, stop it
	@$(CARGO) build --release --bin occtl --example scripted-model
	@tests/demo.sh

bench-demo: ## check eight tasks, run them with two arms of a scripted model, show what came out
	@$(CARGO) build --release --bin occtl --example scripted-model
	@tests/bench-demo.sh

test-slurm: ## run four shards on a Slurm of one node (Debian's packages), and compare with one machine
	@$(CARGO) build --release --bin occtl --example scripted-model
	@tests/scale/slurm.sh

test-parallel: ## the same with GNU parallel
	@$(CARGO) build --release --bin occtl --example scripted-model
	@tests/scale/parallel.sh

scale-figures: ## measure memory, disk and large nights, as docs/scale.md has them
	@$(CARGO) build --release --bin occtl --example scripted-model
	@tests/scale/figures.sh

playground: ## a shell with a scripted model and a project, in which README's examples can be typed
	@$(CARGO) build --release --bin occtl --example scripted-model
	@tests/playground.sh

test: opencode ## run all tests, the real OpenCode included
	$(CARGO) build --examples
	OCCTL_TEST_OPENCODE_VERSION=$(OPENCODE_VERSION) RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test

budgets: ## count instructions and system calls of some commands, and write them as the new budgets
	$(CARGO) build --examples
	OCCTL_WRITE_BUDGETS=1 $(CARGO) test --test main budgets:: -- --nocapture

compat: ## run the tests on the real OpenCode of every supported version (long), and print a table
	@tests/compat.sh $(TESTS)

chaos: ## kill anything at any time, for some minutes (OCCTL_CHAOS_ROUNDS, OCCTL_CHAOS_SEED)
	$(CARGO) build --examples
	OCCTL_CHAOS_ROUNDS=$${OCCTL_CHAOS_ROUNDS:-300} $(CARGO) test --test main chaos:: -- --nocapture

# cargo-fuzz needs what only a nightly compiler admits to; the variable makes a stable one do it, too. A
# compiler that a distribution packs may come without the sanitizer.
SANITIZER := $(if $(wildcard $(SYSROOT)/lib/rustlib/*/lib/librustc-*_rt.asan.a),address,none)
fuzz: ## fuzz the store's reader, the event decoder and the command line, a minute each
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { \
		echo 'make fuzz needs cargo-fuzz: cargo install cargo-fuzz' >&2; exit 1; }
	@tests/fuzz/seeds.sh target/fuzz/corpus
	@for target in store sse words; do \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz \
			--sanitizer $(SANITIZER) $$target target/fuzz/corpus/$$target -- \
			-artifact_prefix=target/fuzz/found- -timeout=10 -max_total_time=$${OCCTL_FUZZ_SECONDS:-60} || exit 1; done

lint: ## check format and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

docs: ## write anew what code and tables know: docs/cli.md, docs/json/, a table of docs/benchmarking.md
	OCCTL_WRITE_DOCS=1 $(CARGO) test --quiet --bin occtl docs_
	OCCTL_WRITE_DOCS=1 $(CARGO) test --quiet --test main docs::schema_files

.PHONY: recording
recording: opencode ## write docs/recording.svg anew: a terminal in which the first commands are typed
	$(CARGO) build --examples
	OCCTL_WRITE_DOCS=1 OCCTL_TEST_OPENCODE_VERSION=$(OPENCODE_VERSION) $(CARGO) test --quiet --test main real::recording

opencode: ## install the OpenCode of the tests (OPENCODE_VERSION=…) into target/opencode
	@tests/get-opencode.sh $(OPENCODE_VERSION)

measure: static opencode ## measure speed and size, print bar and figure, write docs/performance.md (ten minutes)
	$(CARGO) build --release --examples
	@STATIC=$(STATIC) tests/measure/run.sh $(ONLY)

# What is installed, and what makes the pages and completions; they are made on this machine.
OCCTL ?= target/release/occtl
SHARE = $(DESTDIR)$(PREFIX)/share

install: build ## install occtl, its man pages and completions below PREFIX (/usr/local), within DESTDIR
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(SHARE)/man/man1' '$(SHARE)/bash-completion/completions' \
		'$(SHARE)/zsh/site-functions' '$(SHARE)/fish/vendor_completions.d'
	install -m 755 $(OCCTL) '$(DESTDIR)$(PREFIX)/bin/occtl'
	$(OCCTL) man -o '$(SHARE)/man/man1'
	$(OCCTL) completions bash > '$(SHARE)/bash-completion/completions/occtl'
	$(OCCTL) completions zsh > '$(SHARE)/zsh/site-functions/_occtl'
	$(OCCTL) completions fish > '$(SHARE)/fish/vendor_completions.d/occtl.fish'

.PHONY: dist deb advisories
dist: static ## pack the static binary, man pages, completions and licence: target/dist/occtl-….tar.gz
	@tests/package/dist.sh $(STATIC) $(MACHINE) target/dist
	@if [ -d '$(SYSROOT)/lib/rustlib/$(OTHER_TARGET)' ]; then \
		$(MAKE) static STATIC_TARGET=$(OTHER_TARGET) STATIC_FLAGS='-C linker=rust-lld' && \
		tests/package/dist.sh target/$(OTHER_TARGET)/release/occtl $(OTHER) target/dist $(STATIC); \
	else echo 'make dist: no archive for $(OTHER); it needs: rustup target add $(OTHER_TARGET)' >&2; fi

deb: static ## pack the same for Debian and its relatives: target/dist/occtl_….deb
	@tests/package/deb.sh $(STATIC) target/dist

advisories: ## look the dependencies up in the database of RustSec, if cargo-audit is there
	@$(CARGO) audit --version >/dev/null 2>&1 || { \
		echo 'make advisories needs cargo-audit: cargo install cargo-audit' >&2; exit 1; }
	$(CARGO) audit --deny warnings

clean: ## remove all that was built, the installed OpenCode included
	$(CARGO) clean
