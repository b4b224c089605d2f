#!/usr/bin/env bash
# Fuzzing with libFuzzer and AddressSanitizer.
#
#   Tests/Fuzz/run.sh TARGET [libFuzzer flags]    for example: run.sh p2p -runs=10000000
#   Tests/Fuzz/run.sh --smoke [SECONDS]           each target for that long (5), for `make test`
#   Tests/Fuzz/run.sh --list
#
# To add a target: a Swift file in Targets/, which hands each input to the code in question and traps when a promise
# is broken; its name in Package.swift; and seeds in Corpus/TARGET.txt (seeds.py). The corpus grows in
# .build/fuzz/corpus/TARGET. An input that traps, hangs, leaks or takes too much memory is left in .build/fuzz/found and
# ends the run: replay it with `run.sh TARGET FILE`, and make it a named test of the module it is about.
set -euo pipefail
cd "$(dirname "$0")/../.."

targets=(Tests/Fuzz/Corpus/*.txt)
targets=("${targets[@]##*/}")
targets=("${targets[@]%.txt}")
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

# The bounds on memory are far above what an input of 4 KiB may need, and far below what a wrong count asks for.
run() {
    local corpus=$1 target=$2
    shift 2
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
        # From the seeds alone, so that it takes as long everywhere.
        rm -rf "$work/smoke"
        if ! run "$work/smoke" "$target" -max_total_time="${2:-5}" -verbosity=0 >"$log" 2>&1; then
            cat "$log" >&2
            echo "Fuzz target $target failed; the input is in $work/found." >&2
            exit 1
        fi
        echo "Fuzz target $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions"
    done
    ;;
"" | -*)
    sed -n 's/^# \{0,1\}//; 4,6p' "$0" >&2
    exit 64
    ;;
*)
    target=$1
    shift
    if [[ ! -f Tests/Fuzz/Corpus/$target.txt ]]; then
        echo "There is no fuzz target $target; choose one of: ${targets[*]}" >&2
        exit 64
    fi
    build "$target"
    run "$work/corpus/$target" "$target" "$@"
    ;;
esac
