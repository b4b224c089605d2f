#!/usr/bin/env bash
# Everything `make test` checks: formatting, then the test suites. The integration tests drive the debug binaries on
# real eBPF and a real PostgreSQL, and come last, alone: they compare times.
set -euo pipefail
cd "$(dirname "$0")/.."
swift format lint --configuration .swift-format --strict --recursive --parallel Package.swift Sources agent aggregator Tests
swift build --build-tests
swift test --skip-build --skip IntegrationTests --skip VolumeTests
swift test --skip-build --filter VolumeTests
Tests/Fuzz/run.sh --smoke
swift test --skip-build --filter IntegrationTests
