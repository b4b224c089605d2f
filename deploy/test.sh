#!/usr/bin/env bash
# Everything `make test` checks: formatting, then the test suites (the integration tests among them build on the
# debug binaries, real eBPF and a real PostgreSQL).
set -euo pipefail
cd "$(dirname "$0")/.."
swift format lint --configuration .swift-format --strict --recursive --parallel Package.swift Sources agent aggregator Tests
swift build --build-tests
swift test --skip-build
