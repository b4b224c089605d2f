"""What a probe costs the node: ours against an attached program that does nothing, and against bpftrace."""

import json
import os
import subprocess
import time

from .fleet import Failure, free_port
from .results import Figure, median, spread

PAYLOADS = {37: 1.3, 1261: 1.8}
#: What a message cannot be had without: its address, its connection's type, its own type and its payload lie in four places.
READS = "$a = *(uint64 *)arg1; $b = *(uint64 *)arg2; $c = *(uint64 *)arg3; $d = *(uint64 *)arg5;"


def nanoseconds(summary):
    """CPU time a hit: what the node has to spend. The wall clock would also count whoever else the machine runs."""
    return summary["cpu_ns"] / max(1, summary["fired"])


class Costs:
    """CPU nanoseconds a hit of one event fired again and again, with whatever is attached."""

    #: Hits in a row: what they make fits the ring, so that nothing is lost and losing is not what is measured.
    BURST = {37: 8000, 1261: 4000}

    def __init__(self, shop):
        self.shop = shop
        self.standin = shop.standin()

    def burst(self, size, pid_file=None):
        fire = self.shop.fire(self.standin, self.shop.one_event(size), "bench", self.BURST[size], pid_file=pid_file)
        return nanoseconds(self.shop.fired(fire))

    def under_bpftrace(self, size, action, count):
        summary = self.shop.path("bpftrace.json")
        fire = [self.standin, self.shop.one_event(size), "--node", "bench", "--rate", "0", "--count", str(count), "--summary", summary]
        script = f"usdt:{self.standin}:net:inbound_message {{ {action} }}"
        # Debian 12's bpftrace cannot undo its own uprobe at the end and says so: what counts is what was observed.
        with open(self.shop.path("bpftrace.out"), "wb") as output:
            subprocess.run(["bpftrace", "-e", script, "-c", " ".join(fire)], stdout=output, stderr=subprocess.STDOUT,
                           env={**os.environ, "BPFTRACE_STRLEN": "68", "BPFTRACE_PERF_RB_PAGES": "4096"}, timeout=300,
                           stdin=subprocess.DEVNULL)
        done = json.load(open(summary))
        observed = done["tracepoints"]["net:inbound_message"]["observed"]
        if observed != done["fired"]:
            raise Failure(f"bpftrace was attached for {observed} of {done['fired']} hits")
        return nanoseconds(done)

    def printed_lines(self):
        return sum(1 for line in open(self.shop.path("bpftrace.out"), "rb") if line.startswith(b"7 198.51.100.7"))


PRINT = 'printf("%d %s %s %s %d %r\\n", arg0, str(arg1), str(arg2), str(arg3), arg4, buf(arg5, {size}));'


def measure(shop, results, effort):
    costs = Costs(shop)
    rounds, bursts = effort.pick((1, 2), (5, 8), (7, 20))
    port = free_port()
    config = shop.agent("bench-probes", f"127.0.0.1:{port}", ["bench"], costs.standin)
    pid_file = shop.pid_file(config, "bench")
    found = {(kind, size): [] for kind in ("bare", "empty", "reads", "ours") for size in PAYLOADS}
    fired = 0
    for _ in range(rounds):
        for size in PAYLOADS:
            found["bare", size].append(median([costs.burst(size) for _ in range(bursts)]))
            found["empty", size].append(costs.under_bpftrace(size, "", effort.pick(20_000, 200_000, 200_000)))
            found["reads", size].append(costs.under_bpftrace(size, READS, effort.pick(20_000, 200_000, 200_000)))
        attacher, streamer = shop.attach(config), shop.stream(config)
        for size in PAYLOADS:
            times = []
            for _ in range(bursts):
                times.append(costs.burst(size, pid_file))
                fired += costs.BURST[size]
            found["ours", size].append(median(times))
        time.sleep(0.5)
        shop.stop(streamer, attacher)
    bare = {size: median(found["bare", size]) for size in PAYLOADS}
    ours = {size: [v - bare[size] for v in found["ours", size]] for size in PAYLOADS}
    for size, reach in PAYLOADS.items():
        empty = [v - bare[size] for v in found["empty", size]]
        ratio = median(ours[size]) / median(empty)
        results.add(Figure(
            f"cost of a probe, {size}-byte payload", median(ours[size]), "ns", spread(ours[size]), median(empty), "empty program", ratio,
            f"≤ {reach} ×", ratio <= reach))
    for size in PAYLOADS:
        empty, reads = (median([v - bare[size] for v in found[kind, size]]) for kind in ("empty", "reads"))
        results.add(Figure(
            f"the same against four reads of eight bytes, {size} bytes", median(ours[size]), "ns", spread(ours[size]), reads, "empty + 4 reads",
            median(ours[size]) / reads,
            note=f"a program that only reads eight bytes in each of the four places of a message costs {reads / empty:.2f} × the empty one: "
            "each read of the node's memory has a fixed price"))
    for size in PAYLOADS:
        printed = []
        for _ in range(effort.pick(1, 3, 3)):
            printed.append(costs.under_bpftrace(size, PRINT.format(size=min(size, 64)), costs.BURST[size]) - bare[size])
            if costs.printed_lines() < costs.BURST[size]:
                raise Failure(f"bpftrace printed {costs.printed_lines()} of {costs.BURST[size]} lines")
        ratio = median(ours[size]) / median(printed)
        results.add(Figure(
            f"cost of a probe against bpftrace, {size} bytes", median(ours[size]), "ns", None, median(printed), "bpftrace printing", ratio,
            "≤ 1/6 ×", ratio <= 1 / 6, "bpftrace prints at most 64 bytes of the payload" if size > 64 else None))
    check(shop, config, port, fired)


def check(shop, config, port, fired):
    """What was fired has to be there, or the cost of something else was measured."""
    database = shop.database("probes")
    aggregator = shop.aggregator(database, listen=f"127.0.0.1:{port}")
    attacher, streamer = shop.attach(config), shop.stream(config)
    hits, stored, lost = database.await_hits(fired)
    shop.stop(streamer, attacher, aggregator)
    # To lose an event is cheaper than to write it.
    if hits != fired or lost > fired // 100:
        raise Failure(f"{fired} events were fired, but {hits} seen, {stored} stored and {lost} lost")
