#!/usr/bin/env bash
# Fuzzing with libFuzzer and AddressSanitizer.
#
#   Tests/Fuzz/run.sh TARGET [libFuzzer flags]    for example: run.sh p2p -runs=10000000
#   Tests/Fuzz/run.sh --smoke [SECONDS]           each target for that long (5), for `make test`
#   Tests/Fuzz/run.sh --list
#
# A target is a Swift file in Targets/, named in Package.swift, with seeds in Corpus/TARGET.txt. The corpus grows in
# .build/fuzz/corpus/TARGET; an input that traps, hangs, leaks or takes too much memory is left in .build/fuzz/found
# and ends the run. Replay it with `run.sh TARGET FILE`, and make it a test of the module it is about.
set -euo pipefail
cd "$(dirname "$0")/../.."

targets=(p2p wire spool agent-configuration)
work=$PWD/.build/fuzz

build() {
    # The fuzz package uses the project's own checkouts of its dependencies.
    [[ -d .build/checkouts/swift-crypto && -d .build/checkouts/Yams ]] || swift package resolve
    local log=$work/build.log
    mkdir -p "$work"
    if ! swift build --package-path Tests/Fuzz --scratch-path "$work" -c release --product "fuzz-$1" >"$log" 2>&1; then
        cat "$log" >&2
        return 1
    fi
}

# Bounds on memory: none of these decoders needs more than a small multiple of its input.
run() {
    local target=$1
    shift
    local corpus=$work/corpus/$target
    mkdir -p "$work/found"
    python3 Tests/Fuzz/seeds.py expand "Tests/Fuzz/Corpus/$target.txt" "$corpus"
    local folders=("$corpus")
    # A replay of single files takes no corpus.
    for argument; do [[ -e $argument ]] && folders=(); done
    # AddressSanitizer prints the trace; Swift's own tracer would read its shadow memory.
    SWIFT_BACKTRACE=enable=no "$work/release/fuzz-$target" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 \
        -artifact_prefix="$work/found/$target-" -print_final_stats=1 "$@" "${folders[@]}"
}

case ${1-} in
--list) printf '%s\n' "${targets[@]}" ;;
--smoke)
    for target in "${targets[@]}"; do
        build "$target"
        log=$work/smoke-$target.log
        if ! run "$target" -max_total_time="${2:-5}" -verbosity=0 >"$log" 2>&1; then
            cat "$log" >&2
            echo "Fuzz target $target failed; the input is in $work/found." >&2
            exit 1
        fi
        echo "Fuzz target $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions"
    done
    ;;
"" | -*)
    sed -n 's/^# \{0,1\}//; 3,5p' "$0" >&2
    exit 64
    ;;
*)
    target=$1
    shift
    build "$target"
    run "$target" "$@"
    ;;
esac
