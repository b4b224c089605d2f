#!/usr/bin/env bash
# The whole system on one machine: a database, an aggregator, three agents with two nodes each.
#
# Nodes are stand-ins that fire the real tracepoints of Bitcoin Core from a recorded capture, or with
# BITCOIND=PATH real nodes on regtest. With SOURCE=capture no eBPF is used: the agents read the capture.
# PEERSCOPE_DEMO_BIN and PEERSCOPE_DEMO_STATE name other folders for the programs and for all that is written.
set -euo pipefail
cd "$(dirname "$0")/../.."

capture=${CAPTURE:-Tests/Fixtures/captures/regtest6.jsonl.gz}
bitcoind=${BITCOIND:-}
source_kind=${SOURCE:-ebpf}
port=${PORT:-9735}
speed=${SPEED:-1}
bin=${PEERSCOPE_DEMO_BIN:-$(swift build -c release --static-swift-stdlib --show-bin-path)}
state=${PEERSCOPE_DEMO_STATE:-$PWD/.peerscope/demo}
nodes_per_agent=2
terminal=false
[[ -t 1 ]] && terminal=true

fail() {
    printf '\nerror: %s\n' "$1" >&2
    exit 1
}

say() { printf '%s\n' "$*"; }

case $source_kind in ebpf | capture) ;; *) fail "SOURCE=$source_kind is not known; use SOURCE=ebpf or SOURCE=capture" ;; esac

# --- What is to be shown -------------------------------------------------------------------------------------

if [[ -n $bitcoind ]]; then
    [[ -x $bitcoind ]] || fail "BITCOIND=$bitcoind is no program; give the path of a bitcoind built with USDT tracepoints"
    [[ $source_kind == ebpf ]] || fail "real nodes need eBPF; leave SOURCE=capture out"
    standin=bitcoind
    nodes=(n1 n2 n3 n4 n5 n6)
    seconds=60
    events=
else
    [[ -r $capture ]] || fail "cannot read the capture $capture; name one with CAPTURE=FILE"
    info=$(python3 deploy/demo/capture_info.py "$capture") || exit 1
    read -r standin seconds events names <<<"$info"
    read -ra nodes <<<"$names"
fi

# --- What is allowed here ------------------------------------------------------------------------------------

as_root=()
if [[ $source_kind == ebpf && $EUID -ne 0 ]]; then
    hint="Run it as a user who may use sudo, or see the whole system without eBPF: make demo SOURCE=capture"
    command -v sudo >/dev/null || fail "eBPF needs root, and there is no sudo. $hint"
    say "Attaching eBPF programs needs root; everything else runs as $(id -un)."
    sudo -v || fail "eBPF needs root, and sudo was refused. $hint"
    as_root=(sudo)
fi
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use, by a demo that still runs or by another program. Stop it, or take another: make demo PORT=$((port + 1))"
fi

# --- A fresh state folder ------------------------------------------------------------------------------------

mkdir -p .peerscope 2>/dev/null && [[ -w .peerscope ]] ||
    fail "cannot write to $PWD/.peerscope. Make the folder writable, or run the demo in a checkout of your own"
# A demo that was killed may have left its database running.
if [[ -r $state/db/data/postmaster.pid ]]; then
    "${as_root[@]}" kill -INT "$(head -n 1 "$state/db/data/postmaster.pid")" 2>/dev/null && sleep 1 || true
fi
target=$(readlink "$state" || true)
"${as_root[@]}" rm -rf "$state" ${target:+"$target"} || fail "cannot remove the last run's $state; remove it by hand"
# Started by root, everything unprivileged runs as a user who may not be able to enter this checkout's folder.
user=$(id -un)
if ((EUID == 0)); then
    user=nobody
    if command -v runuser >/dev/null && runuser -u nobody -- test -x "$PWD"; then
        mkdir "$state"
    else
        target=$(mktemp -d /var/tmp/peerscope-demo.XXXXXX)
        ln -s "$target" "$state"
    fi
    chmod 755 "$state/"
else
    mkdir "$state"
fi
state=$(cd "$state" && pwd -P)
mkdir "$state/log" "$state/bin"
cp "$bin"/{peerscope,peerscope-agent,peerscope-aggregator} "$state/bin/"

# --- Nothing is left running ---------------------------------------------------------------------------------

declare -a attachers=() streamers=() standins=()
aggregator=
stop_all() {
    trap - EXIT INT TERM
    local pid
    for pid in "${standins[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${standins[@]}"; do wait "$pid" 2>/dev/null || true; done
    for pid in "${streamers[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${streamers[@]}"; do wait "$pid" 2>/dev/null || true; done
    for pid in "${attachers[@]}"; do "${as_root[@]}" kill "$pid" 2>/dev/null || true; done
    for pid in "${attachers[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [[ -n $aggregator ]]; then
        kill "$aggregator" 2>/dev/null || true
        wait "$aggregator" 2>/dev/null || true
    fi
    if [[ $source_kind == ebpf ]]; then
        local agent
        for ((agent = 1; agent <= agents; agent++)); do
            "${as_root[@]}" rm -rf "/sys/fs/bpf/peerscope/demo-host$agent" 2>/dev/null || true
        done
    fi
}
agents=$(((${#nodes[@]} + nodes_per_agent - 1) / nodes_per_agent))
export PEERSCOPE_SCHEMA=$PWD/schema
trap 'status=$?; stop_all; exit $status' EXIT
trap 'printf "\n"; stop_all; exit 130' INT TERM

# Waits until a log has a line with TEXT; fails when the process ends first or SECONDS have passed.
await() {
    local log=$1 text=$2 pid=$3 limit=$4 waited=0
    until grep -qF -- "$text" "$log" 2>/dev/null; do
        if ! "${as_root[@]}" kill -0 "$pid" 2>/dev/null; then
            fail "$(grep -hE 'error' "$log" | tail -n 1 | sed 's/^.*error:\? *//' || true)
       The log is $log"
        fi
        ((++waited <= limit * 10)) || fail "no \"$text\" in $log within $limit s; the log says why"
        sleep 0.1
    done
}

# --- Aggregator and agents -----------------------------------------------------------------------------------

"$state/bin/peerscope-aggregator" run --database "embedded:$state/db" --listen "127.0.0.1:$port" \
    --payloads all --data-dir "$state/aggregator" --plaintext never >"$state/log/aggregator.log" 2>&1 &
aggregator=$!
await "$state/log/aggregator.log" "listening" "$aggregator" 60

say "Peerscope demo: ${#nodes[@]} nodes, $agents agents, one aggregator on 127.0.0.1:$port, PostgreSQL in .peerscope/demo/db"
say "Agents connect with TLS 1.3 and a certificate of their own (peerscope-aggregator enroll)."
if [[ $source_kind == capture ]]; then
    say "Source: the capture $capture itself, fed into the agents. No eBPF is used."
elif [[ -n $bitcoind ]]; then
    say "Source: eBPF on real nodes of $bitcoind (regtest)."
else
    say "Source: eBPF on stand-in nodes that fire Bitcoin Core's tracepoints as recorded in $capture."
fi

# The capture ends now; one start for all agents, since they share its clock.
capture_start=$(python3 -c "import math, time; print(math.floor(time.time() - $seconds))")
agent_nodes() { printf '%s ' "${nodes[@]:$((($1 - 1) * nodes_per_agent)):$nodes_per_agent}"; }

for ((agent = 1; agent <= agents; agent++)); do
    name=demo-host$agent
    host=$state/host$agent
    mkdir -p "$host/state" "$host/nodes"
    enrolled=()
    for node in $(agent_nodes "$agent"); do
        if [[ -n $bitcoind ]]; then
            enrolled+=("name=$node,binary=$host/$standin,datadir=$host/nodes/$node")
        else
            enrolled+=("name=$node,binary=$host/$standin,pid_file=$host/nodes/$node.pid")
        fi
    done
    # Key, certificates and configuration in one file, which only its owner may read.
    (umask 077 && "$state/bin/peerscope-aggregator" enroll --agent "$name" --data-dir "$state/aggregator" \
        "${enrolled[@]}" >"$host/agent.yaml" 2>"$state/log/enroll$agent.log") ||
        fail "agent $name could not be enrolled: $(cat "$state/log/enroll$agent.log")"
    {
        echo "state: $host/state"
        echo "user: $user"
        echo "policy: full"
        echo "snaplen: {default: 4194304}"
    } >>"$host/agent.yaml"
    ((EUID == 0)) && chown -R "$user" "$host/state"
    if [[ $source_kind == ebpf ]]; then
        cp "${bitcoind:-$bin/$standin}" "$host/$standin"
        "${as_root[@]}" "$state/bin/peerscope-agent" attach --config "$host/agent.yaml" >"$state/log/attach$agent.log" 2>&1 &
        attachers+=($!)
    fi
done
if [[ $source_kind == ebpf ]]; then
    for ((agent = 1; agent <= agents; agent++)); do
        await "$state/log/attach$agent.log" "ready:" "${attachers[agent - 1]}" 60
    done
fi
for ((agent = 1; agent <= agents; agent++)); do
    extra=()
    [[ $source_kind == capture ]] && extra=(--capture "$capture" --capture-start "$capture_start" --exit-when-done)
    "$state/bin/peerscope-agent" run --config "$state/host$agent/agent.yaml" "${extra[@]}" \
        >"$state/log/run$agent.log" 2>&1 &
    streamers+=($!)
done

# --- The nodes -----------------------------------------------------------------------------------------------

sql() { "$state/bin/peerscope" sql --database "embedded:$state/db" -X -A -t -q "$@"; }
stored() { sql -c "select coalesce(sum(stored), 0) from peerscope.stream_tracepoint" 2>/dev/null || echo 0; }

next_line=0
progress() {
    local elapsed=$1 total=$2 rows
    rows=$(stored)
    if $terminal; then
        local width=40 filled
        filled=$((elapsed * width / (total > 0 ? total : 1)))
        ((filled > width)) && filled=$width
        printf '\r  [%-*s] %3d of %d s   %s events stored ' "$width" "$(printf '%*s' "$filled" '' | tr ' ' '#')" \
            "$elapsed" "$total" "$rows"
    elif ((elapsed >= next_line)); then
        say "  $elapsed of $total s: $rows events stored"
        next_line=$((elapsed + 10))
    fi
}

if [[ $source_kind == ebpf && -z $bitcoind ]]; then
    # All stand-ins share one instant for the capture's first event, so that times between nodes are kept.
    start_at=$(python3 -c 'import time; print(time.monotonic_ns() + 8_000_000_000)')
    for ((agent = 1; agent <= agents; agent++)); do
        for node in $(agent_nodes "$agent"); do
            "$state/host$agent/$standin" "$capture" --node "$node" --pid-file "$state/host$agent/nodes/$node.pid" \
                --speed "$speed" --start-at "$start_at" --linger 2 --record "$state/host$agent/nodes/$node.truth.csv" \
                --summary "$state/host$agent/nodes/$node.summary.json" >"$state/log/$node.log" 2>&1 &
            standins+=($!)
        done
    done
    for ((agent = 1; agent <= agents; agent++)); do
        for node in $(agent_nodes "$agent"); do
            await "$state/log/attach$agent.log" "found a node's process node=\"$node\"" "${attachers[agent - 1]}" 8
        done
    done
elif [[ -n $bitcoind ]]; then
    python3 deploy/demo/regtest.py --seconds "$seconds" --oracle "$state/oracle.json" \
        $(for ((agent = 1; agent <= agents; agent++)); do
            for node in $(agent_nodes "$agent"); do printf '%s=%s=%s ' "$node" "$state/host$agent/$standin" "$state/host$agent/nodes/$node"; done
        done) >"$state/log/regtest.log" 2>&1 &
    standins+=($!)
fi

duration=$(python3 -c "import math; print(math.ceil($seconds / $speed))")
began=$SECONDS
running() { local pid; for pid in "$@"; do kill -0 "$pid" 2>/dev/null && return 0; done; return 1; }
if [[ $source_kind == capture ]]; then
    say "Feeding the capture:"
    while running "${streamers[@]}"; do progress $((SECONDS - began)) "$duration"; sleep 1; done
else
    [[ -n $bitcoind ]] && say "Running the regtest network, about two minutes:" || say "Replaying $duration seconds:"
    while running "${standins[@]}"; do progress $((SECONDS - began)) "$((duration + 10))"; sleep 1; done
fi
$terminal && printf '\n'
status=0
for pid in "${standins[@]}"; do wait "$pid" || status=$?; done
standins=()
((status == 0)) || fail "a node ended with status $status; see $state/log"
if [[ $source_kind == capture ]]; then
    for pid in "${streamers[@]}"; do wait "$pid" || status=$?; done
    streamers=()
    ((status == 0)) || fail "an agent ended with status $status; see $state/log/run*.log"
fi

# Everything is committed when every process's exit is, which is the last record of its run.
for ((waited = 0; waited < 300; waited++)); do
    open=$(sql -c "select ${#nodes[@]} - count(exited_at) from peerscope.process_run" 2>/dev/null || echo 1)
    [[ $open -le 0 ]] && break
    sleep 0.1
done
[[ $open -le 0 ]] || fail "not everything was committed within 30 s; see $state/log"

# --- What a fleet shows --------------------------------------------------------------------------------------

cli() { PEERSCOPE_DATABASE=embedded:$state/db "$state/bin/peerscope" "$@"; }
# What many nodes show is computed every ten seconds; do not wait for the next time.
cli sql -X -q -c "CALL peerscope.digest(true)"
# Labels are data of the operator's: here regions, for schema/examples.
cli sql -X -q -c "UPDATE peerscope.node SET labels = jsonb_build_object('region', (ARRAY['eu', 'us', 'asia'])[(node_id - 1) % 6 / 2 + 1])"
say
say "The fleet                                                              peerscope nodes"
cli nodes
say
say "When each block was connected at each node, against the first          peerscope blocks"
cli blocks --limit 3
say
say "How addresses travelled                                                peerscope addrs"
cli addrs --min-nodes 2 --limit 8
say
say "Nothing lost without a record of it                                    peerscope audit"
# How much later than recorded a stand-in fired, in microseconds: on a machine that was busy elsewhere, an effect at one may
# come before its cause at another, which is no fault of the clocks but looks like one.
latest=0
if [[ $source_kind == ebpf && -z $bitcoind ]]; then
    latest=$(python3 -c 'import json, sys; print(max(json.load(open(path))["lateness_ns"]["max"] for path in sys.argv[1:]) // 1000)' \
        "$state"/host*/nodes/*.summary.json)
fi
if ! cli audit | tee "$state/log/audit.log"; then
    if ((latest < 500)) || ! grep -q '^Every event is accounted for: unexplained 0\.$' "$state/log/audit.log"; then
        fail "the audit found what must not be; see above"
    fi
    say "These pings are of stand-ins that fired up to $((latest / 1000)).$((latest / 100 % 10)) ms late on this machine, not of clocks that are wrong."
fi
if [[ -z $bitcoind ]]; then oracle=${capture%.jsonl*}.oracle.json; else oracle=$state/oracle.json; fi
python3 deploy/demo/findings.py --psql "$state/bin/peerscope sql --database embedded:$state/db" \
    --queries schema/examples/demo ${oracle:+--oracle "$oracle"} || fail "the findings could not be computed"
say
say "Ask for yourself:  .peerscope/demo/bin/peerscope sql --database embedded:.peerscope/demo/db"

if $terminal; then
    say "Still running; Ctrl-C stops everything."
    trap 'printf "\n"; stop_all; exit 0' INT TERM
    while :; do sleep 3600 & wait $!; done
fi
