#!/usr/bin/env bash
# Installs what building, testing and the demo need on Debian 12 or Ubuntu 24.04, and checks the Swift toolchain.
# Does nothing when everything is there. Asks for sudo only when a package is missing. With the argument `test` it also
# installs what only tests use.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
    git make pkg-config linux-libc-dev
    libbpf-dev libelf-dev zlib1g-dev    # loading and attaching eBPF
    systemtap-sdt-dev                   # the stand-in node's probes
    libpq-dev postgresql                # the database
    python3                             # checks in another language; the demo's regtest network
    python3-venv                        # Parquet export; Debian's pip installs nowhere else
)

# What can be read on the wire is tried out, and so is every benchmark.
[[ ${1:-} == test ]] && packages+=(tshark bpftrace iproute2)

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done

if ((${#missing[@]})); then
    command -v apt-get >/dev/null ||
        fail "these Debian packages are needed and this system has no apt-get: ${missing[*]}. Install their counterparts by hand."
    as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            fail "installing ${missing[*]} needs root and there is no sudo. Run as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq ||
        fail "apt-get update failed. Check the network and /etc/apt/sources.list, then try again."
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get could not install ${missing[*]}. Try by hand: apt-get install ${missing[*]}"
fi

command -v swift >/dev/null ||
    fail "there is no swift on the PATH. Install Swift 6.3 or newer from https://www.swift.org/install/linux/ and try again."
version=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9]+\.[0-9]+' || true)
major=${version%%.*}
minor=${version##*.}
if [[ -z $version ]] || ((major < 6 || (major == 6 && minor < 3))); then
    fail "Swift ${version:-of unknown version} is too old: 6.3 or newer is needed, from https://www.swift.org/install/linux/"
fi

# Parquet is written by Apache Arrow's library, which Debian does not have. Only that export needs it, so nothing
# stops when PyPI cannot be reached.
venv=.peerscope/venv
arrow=$(sed -n 's/^pyarrow==\([^ ]*\).*/\1/p' deploy/parquet-requirements.txt)
if ! "$venv/bin/python3" -c "import pyarrow, sys; sys.exit(pyarrow.__version__ != '$arrow')" 2>/dev/null; then
    echo "Installing pyarrow $arrow into $venv (55 MB), for \`peerscope export --format parquet\`"
    log=$(mktemp)
    if ! {
        mkdir -p .peerscope && python3 -m venv --clear "$venv" &&
            "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check --no-input --retries 1 --timeout 15 \
                --require-hashes --only-binary :all: -r deploy/parquet-requirements.txt
    } >"$log" 2>&1; then
        rm -rf "$venv"
        reason=$(grep -m 1 '^ERROR' "$log" || tail -n 1 "$log")
        # What pip says when nobody answers is that there is no such version.
        grep -q '^WARNING: Retrying' "$log" && reason='PyPI cannot be reached'
        printf 'warning: pyarrow was not installed: %s\n' "${reason:-no reason given}" >&2
        echo "         Everything but Parquet export works without it. To try again: deploy/setup.sh" >&2
    fi
    rm -f "$log"
fi
