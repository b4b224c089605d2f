#!/usr/bin/env bash
# What `make bench` runs: the benchmarks, and bpftrace to compare with. ONLY=a,b chooses some, FULL=1 takes longer.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v bpftrace >/dev/null; then
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    echo "Installing bpftrace"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bpftrace >/dev/null || {
        echo "error: bpftrace, which the benchmarks compare with, could not be installed. Try by hand: apt-get install bpftrace" >&2
        exit 1
    }
fi
binaries=$(swift build -c release --static-swift-stdlib --show-bin-path)
options=()
[[ -z ${FULL:-} ]] || options+=(--full)
[[ -z ${ONLY:-} ]] || options+=(--only "$ONLY")
root=$PWD
cd Tests/Benchmarks
exec python3 -m bench "$binaries" "$root/schema" "$root/.peerscope/bench" "${options[@]}"
