# The commands of the project. `make demo` and `make test` do all their set-up themselves.
#
#   make demo [CAPTURE=FILE] [BITCOIND=PATH] [SOURCE=capture] [PORT=9735] [SPEED=1]
#   make test | lint | format | install [PREFIX=/usr/local]
#   make bench [ONLY=probes,agent,capture,endtoend,latency,thousand,decode,views] [FULL=1]
#   make soak [FAULTS=1000] [SEED=1]

PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib
SWIFT_SOURCES = Package.swift Sources agent aggregator Tests

.PHONY: demo bench soak test lint format install setup build

setup:
	@deploy/setup.sh

build: setup
	@$(BUILD)

demo: build
	@deploy/demo/demo.sh

bench: build
	@deploy/bench.sh

test:
	@deploy/setup.sh test
	@deploy/test.sh

soak:
	@deploy/setup.sh test
	@deploy/soak.sh

lint: setup
	@swift format lint --configuration .swift-format --strict --recursive --parallel $(SWIFT_SOURCES)

format: setup
	@swift format --configuration .swift-format --in-place --recursive --parallel $(SWIFT_SOURCES)

install: build
	@install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/peerscope
	@install -m 755 $$($(BUILD) --show-bin-path)/{peerscope,peerscope-agent,peerscope-aggregator} $(DESTDIR)$(PREFIX)/bin
	@cp -r schema $(DESTDIR)$(PREFIX)/share/peerscope/

export CAPTURE BITCOIND SOURCE PORT SPEED ONLY FULL FAULTS SEED
SHELL = /bin/bash
