#!/usr/bin/env bash
# What `make soak` runs: the fault matrix with one seed after the other, until FAULTS (1000) faults were injected. Each
# round of a seed is noted in .peerscope/soak/rounds.tsv when it is over; a soak that was interrupted goes on there.
# SEED (1) is the first seed. A round that fails leaves its logs, spools and database in .peerscope/soak/kept, and the
# soak goes on: it ends with status 1. `rm -r .peerscope/soak` begins anew.
set -euo pipefail
cd "$(dirname "$0")/.."
goal=${FAULTS:-1000}
first=${SEED:-1}
for number in "$goal" "$first"; do
    [[ $number =~ ^[1-9][0-9]*$ ]] || {
        echo "error: FAULTS and SEED are whole numbers above 0, not \"$number\". For example: make soak FAULTS=200 SEED=7" >&2
        exit 64
    }
done
if ((EUID != 0)); then
    echo "error: the faults are injected into real eBPF and real file systems, which needs root. Run \`sudo make soak\`." >&2
    exit 1
fi

# A round that is interrupted has no result.
trap 'echo "Interrupted. make soak goes on from here."; exit 130' INT TERM

folder=$PWD/.peerscope/soak
rounds=$folder/rounds.tsv
mkdir -p "$folder/kept"
[[ -f $rounds ]] || printf 'seed\tround\tfaults\tseconds\tresult\tcommit\n' >"$rounds"
swift build --build-tests

injected() { awk -F '\t' -v first="$first" 'NR > 1 && $1 >= first { n += $3 } END { print n + 0 }' "$rounds"; }
failed() { awk -F '\t' -v first="$first" 'NR > 1 && $1 >= first && $5 == "failed" { n++ } END { print n + 0 }' "$rounds"; }
noted() { awk -F '\t' -v seed="$1" -v round="$2" 'NR > 1 && $1 == seed && $2 == round { found = 1 } END { exit !found }' "$rounds"; }

count=$(injected)
((count == 0)) || echo "Going on after $count faults, $(failed) of whose rounds failed ($rounds)"
for ((seed = first; count < goal; seed++)); do
    for round in 0 1 2 3 4; do
        ((count < goal)) || break
        noted "$seed" "$round" && continue
        log=$folder/seed-$seed-round-$round.log
        story=$folder/story
        : >"$story"
        start=$SECONDS
        result=passed
        PEERSCOPE_FAULT_SEED=$seed PEERSCOPE_FAULT_ROUND=$round PEERSCOPE_FAULT_LOG=$story PEERSCOPE_FAULT_KEEP=$folder/kept \
            swift test --skip-build --filter FaultMatrixTests.everyFault >"$log" 2>&1 || result=failed
        faults=$(grep -c '^+ ' "$story" || true)
        if ((faults == 0)); then
            cat "$log" >&2
            echo "error: no fault could be injected; the round is not counted (its output is above)." >&2
            exit 1
        fi
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$seed" "$round" "$faults" $((SECONDS - start)) $result \
            "$(git describe --always --dirty 2>/dev/null || echo unknown)" >>"$rounds"
        count=$(injected)
        printf '%s  %5d of %d faults  seed %d round %d: %s, %s\n' "$(date +%T)" "$count" "$goal" "$seed" "$round" $result \
            "$(grep '^= ' "$story" | tail -1 | cut -c3- || true)"
        [[ $result == passed ]] && rm -f "$log"
    done
done
broken=$(failed)
echo "$count faults injected; $broken rounds failed."
if ((broken)); then
    awk -F '\t' '$5 == "failed" { print "  PEERSCOPE_FAULT_SEED=" $1 " PEERSCOPE_FAULT_ROUND=" $2 " swift test --filter FaultMatrixTests.everyFault" }' "$rounds"
    echo "What they left is in $folder/kept and $folder/seed-*.log."
    exit 1
fi
