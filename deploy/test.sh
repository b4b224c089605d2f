#!/usr/bin/env bash
# Everything `make test` checks: formatting, then the test suites. The integration tests drive the debug binaries on
# real eBPF and a real PostgreSQL, and come last, alone: they compare times.
set -euo pipefail
cd "$(dirname "$0")/.."
swift format lint --configuration .swift-format --strict --recursive --parallel Package.swift Sources agent aggregator Tests
swift build --build-tests
# In groups: a certificate is verified on Swift's cooperative threads, of which there are as many as processors, and
# tests that block them would keep a handshake from its deadline.
swift test --skip-build --skip IntegrationTests --skip VolumeTests --skip AggregatorCoreTests --skip PostgreSQLTests
swift test --skip-build --filter AggregatorCoreTests --skip "AggregatorCoreTests.(IdentityTests|FloodTests)"
swift test --skip-build --filter AggregatorCoreTests.IdentityTests
swift test --skip-build --filter AggregatorCoreTests.FloodTests
swift test --skip-build --filter PostgreSQLTests --skip VolumeTests
swift test --skip-build --filter VolumeTests
Tests/Fuzz/run.sh --smoke
swift test --skip-build --filter "IntegrationTests.(DemoTests|PrivilegeTests|SecretsTests)"
swift test --skip-build --filter IntegrationTests --skip "IntegrationTests.(DemoTests|FaultMatrixTests|PrivilegeTests|SecretsTests)"
swift test --skip-build --filter FaultMatrixTests
# Every benchmark with tiny counts: that it runs and that nothing is missing afterwards; no figure is looked at.
deploy/bench.sh smoke "$(swift build --show-bin-path)"
