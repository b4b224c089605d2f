#!/usr/bin/env bash
# What `make bench` runs. ONLY=a,b chooses parts, FULL=1 takes longer; `bench.sh smoke BINARIES` runs everything with tiny
# counts, to show that it runs.
set -euo pipefail
cd "$(dirname "$0")/.."
# bpftrace to compare with, ss to count what is on the wire.
missing=()
command -v bpftrace >/dev/null || missing+=(bpftrace)
command -v ss >/dev/null || missing+=(iproute2)
if ((${#missing[@]})); then
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    echo "Installing ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || {
        echo "error: ${missing[*]}, which the benchmarks need, could not be installed. Try by hand: apt-get install ${missing[*]}" >&2
        exit 1
    }
fi
root=$PWD
options=()
results=$root/.peerscope/bench
if [[ ${1:-} == smoke ]]; then
    binaries=$(cd "$2" && pwd)
    results=$(mktemp -d)
    trap 'rm -rf "$results"' EXIT
    options+=(--smoke)
else
    binaries=$(swift build -c release --static-swift-stdlib --show-bin-path)
    [[ -z ${FULL:-} ]] || options+=(--full)
fi
[[ -z ${ONLY:-} ]] || options+=(--only "$ONLY")
cd Tests/Benchmarks
python3 -m bench "$binaries" "$root/schema" "$results" "${options[@]}"
