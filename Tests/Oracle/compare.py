#!/usr/bin/env python3
"""Compares a database with a capture and with the nodes' own RPC counters.

    compare.py -d CONNINFO --capture CAPTURE.jsonl.gz [--rpc CAPTURE.oracle.json] (--exact | --tolerance-ms X)

The truth comes from oracle.py (or, with --truth, from a file it wrote); the database is asked through psql.

--exact         for a capture fed straight into the pipeline: every difference must be that of two times cut to
                microseconds, and queues and significance are compared as well (clock errors must be 0)
--tolerance-ms  for a replay through real probes: times may differ by so much; --within PERCENT of them must
                (default 100). Everything that is not a time must still be the same.

Each line says how many values agree; the exit status is 1 if any check fails. Only the Python 3 standard
library is used.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))

US = "(extract(epoch FROM {} - timestamptz '1970-01-01 00:00:00+00') * 1000000)::bigint"

# Where the events of a tracepoint are stored.
ROWS = """
SELECT n.name AS node, e.tracepoint, sum(e.count)::bigint AS count FROM (
    SELECT node_id, CASE WHEN inbound THEN 'net:inbound_message' ELSE 'net:outbound_message' END AS tracepoint,
           count(*) FROM peerscope.p2p_message GROUP BY 1, 2
    UNION ALL SELECT node_id, 'net:' || CASE event WHEN 'evicted' THEN 'evicted_inbound' ELSE event END || '_connection',
           count(*) FROM peerscope.connection_event GROUP BY 1, 2
    UNION ALL SELECT node_id, 'validation:block_connected', count(*) FROM peerscope.block_connected GROUP BY 1
    UNION ALL SELECT node_id, 'utxocache:flush', count(*) FROM peerscope.utxocache_flush GROUP BY 1
    UNION ALL SELECT node_id, 'utxocache:' || change, count(*) FROM peerscope.utxocache_change GROUP BY 1, 2
    UNION ALL SELECT node_id, 'coin_selection:' || event, count(*) FROM peerscope.coin_selection GROUP BY 1, 2
    UNION ALL SELECT node_id, 'mempool:added', count(*) FROM peerscope.mempool_added GROUP BY 1
    UNION ALL SELECT node_id, 'mempool:removed', count(*) FROM peerscope.mempool_removed GROUP BY 1
    UNION ALL SELECT node_id, 'mempool:replaced', count(*) FROM peerscope.mempool_replaced GROUP BY 1
    UNION ALL SELECT node_id, 'mempool:rejected', count(*) FROM peerscope.mempool_rejected GROUP BY 1
    UNION ALL SELECT node_id, 'addrman:attempt_add', count(*) FROM peerscope.addrman_add GROUP BY 1
    UNION ALL SELECT node_id, 'addrman:move_to_good', count(*) FROM peerscope.addrman_good GROUP BY 1
    UNION ALL SELECT node_id, tracepoint, sum(count) FROM peerscope.tracepoint_count GROUP BY 1, 2
) e JOIN peerscope.node n USING (node_id) GROUP BY 1, 2
"""

QUERIES = {
    "rows": ROWS,
    "counters": """
        SELECT n.name AS node, tracepoint, sum(hits)::bigint AS hits, sum(stored + counted)::bigint AS count
          FROM peerscope.stream_tracepoint JOIN peerscope.node n USING (node_id) GROUP BY 1, 2 HAVING sum(hits) > 0""",
    "messages": """
        SELECT n.name AS node, peer_id AS peer, inbound, msg_type, count(*) AS count, sum(size)::bigint AS bytes
          FROM peerscope.p2p_message JOIN peerscope.node n USING (node_id) GROUP BY 1, 2, 3, 4""",
    "skew": f"""
        SELECT peerscope.hex(block_hash) AS block_hash, height, node, stage, {US.format("at")} AS at_us,
               skew_ms, skew_lo_ms, skew_hi_ms, queue_ms, significant
          FROM peerscope.block_arrival_skew""",
    "latency": """
        SELECT peerscope.hex(l.block_hash) AS block_hash, l.node, l.mode, l.completed_by, l.first_peer, l.source,
               l.n_connects, l.height, """
    + ", ".join(f"{US.format('l.' + s)} AS {s}" for s in ("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"))
    + " FROM peerscope.block_stage_latency l",
    "addr": f"""
        SELECT network, addr, port, {US.format("episode_at")} AS episode_us, novel, node,
               {US.format("first_seen")} AS first_us, delay_s, error_s, freshness_s, from_peer, copies
          FROM peerscope.addr_propagation""",
    "reorganisations": f"""
        SELECT node, {US.format("at")} AS at_us, peerscope.hex("from") AS "from", peerscope.hex("to") AS "to", depth
          FROM peerscope.reorganisations""",
    "pings": """
        SELECT a.name || '→' || b.name AS link, s.delay_ns, s.error_ns
          FROM peerscope.clock_audit_sample s
          JOIN peerscope.node a ON a.node_id = s.from_node_id JOIN peerscope.node b ON b.node_id = s.to_node_id""",
    "clock_audit": "SELECT link, samples, min_ms, median_ms, violations FROM peerscope.clock_audit",
    "audit": "SELECT node, records, hits, stored, counted, declared_lost, unexplained FROM peerscope.stream_audit",
    "clocks": "SELECT count(*) FILTER (WHERE eps_ns IS DISTINCT FROM 0) AS inexact FROM peerscope.clock_segment",
}


class Database:
    def __init__(self, conninfo, psql):
        self.conninfo, self.psql = conninfo, psql

    def rows(self, name):
        command = [self.psql, "-XAtq", "-v", "ON_ERROR_STOP=1"]
        if self.conninfo:
            command += ["-d", self.conninfo]
        command += ["-c", "SET TimeZone = 'UTC'", "-c", f"SELECT row_to_json(q) FROM ({QUERIES[name]}) q"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"compare.py: asking for {name}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]


class Report:
    """Counts what agrees and shows the first few that do not."""

    def __init__(self, verbose):
        self.failed, self.verbose = False, verbose

    def line(self, what, agree, total, detail="", wrong=(), passes=None):
        passes = agree == total if passes is None else passes
        if total == 0:
            detail = (detail + " nothing to compare").strip()
        self.failed |= not passes
        print(f"{'ok  ' if passes else 'FAIL'} {what:<46} {agree} of {total} agree{'  ' + detail if detail else ''}")
        for item in list(wrong)[: self.verbose] if not passes else ():
            print(f"       {item}")

    def sets(self, what, truth, found):
        """Two dictionaries that must be equal."""
        keys = set(truth) | set(found)
        wrong = [f"{k}: capture {truth.get(k)}, database {found.get(k)}" for k in sorted(keys, key=str) if truth.get(k) != found.get(k)]
        self.line(what, len(keys) - len(wrong), len(keys), wrong=wrong)


class Times:
    """Differences of times, judged by one rule."""

    def __init__(self, options):
        self.exact = options.exact
        self.tolerance_ns = None if options.exact else options.tolerance_ms * 1e6
        self.within = options.within

    def report(self, report, what, pairs, missing):
        """pairs: (label, truth in ns, found in ns); missing: labels that one side lacks."""
        # Two times, each cut to microseconds, are less than one microsecond off.
        limit = 1000 if self.exact else self.tolerance_ns
        off = sorted((abs(found - truth), label, truth, found) for label, truth, found in pairs)
        agree = sum(1 for d, *_ in off if (d < limit if self.exact else d <= limit))
        total = len(off) + len(missing)
        detail = ""
        if off:
            at = lambda q: off[min(len(off) - 1, int(q * len(off)))][0] / 1e6
            detail = f"off by p50 {at(0.5):.4f} p99 {at(0.99):.4f} max {off[-1][0] / 1e6:.4f} ms"
        wrong = [f"{m}: only in one" for m in missing]
        wrong += [f"{label}: capture {t / 1e6:.4f} ms, database {f / 1e6:.4f} ms" for d, label, t, f in reversed(off) if d >= limit]
        needed = total if self.exact else total * self.within / 100
        report.line(what, agree, total, detail, wrong, passes=agree >= needed and not missing)


def both(truth, found, key):
    t, f = {key(r): r for r in truth}, {key(r): r for r in found}
    return [(k, t[k], f[k]) for k in sorted(t.keys() & f.keys(), key=str)], sorted(t.keys() ^ f.keys(), key=str)


def ns(ms):
    return round(ms * 1e6)


def check_events(report, truth, database):
    expected = {(r["node"], r["tracepoint"]): r["count"] for r in truth["tracepoints"]}
    report.sets("rows per node and tracepoint", expected, {(r["node"], r["tracepoint"]): r["count"] for r in database.rows("rows")})
    counters = database.rows("counters")
    report.sets("counters per node and tracepoint: stored", expected, {(r["node"], r["tracepoint"]): r["count"] for r in counters})
    report.sets("counters per node and tracepoint: hits", expected, {(r["node"], r["tracepoint"]): r["hits"] for r in counters})
    report.sets(
        "messages per node, peer, direction and type",
        {(r["node"], r["peer"], r["inbound"], r["msg_type"]): (r["count"], r["bytes"]) for r in truth["messages"]},
        {(r["node"], r["peer"], r["inbound"], r["msg_type"]): (r["count"], r["bytes"]) for r in database.rows("messages")},
    )
    audit = database.rows("audit")
    good = [r for r in audit if r["unexplained"] == 0]
    report.line("stream_audit: unexplained = 0", len(good), len(audit), f"{sum(r['hits'] for r in audit)} hits,"
                f" {sum(r['stored'] for r in audit)} stored, {sum(r['counted'] for r in audit)} counted,"
                f" {sum(r['declared_lost'] for r in audit)} declared lost", [r for r in audit if r["unexplained"]],
                passes=len(good) == len(audit) > 0)


def check_blocks(report, times, truth, database):
    key = lambda r: (r["block_hash"], r["node"], r["stage"])
    pairs, missing = both(truth["block_arrival_skew"], database.rows("skew"), key)
    report.line("block_arrival_skew: rows", len(pairs), len(pairs) + len(missing), wrong=missing)
    unknown = [k for k, _, f in pairs if f["skew_ms"] is None]
    known = [(k, t, f) for k, t, f in pairs if f["skew_ms"] is not None]
    times.report(report, "block_arrival_skew: skew_ms", [(k, t["skew_ns"], ns(f["skew_ms"])) for k, t, f in known], unknown)
    same = [k for k, t, f in pairs if t["height"] == f["height"]]
    report.line("block_arrival_skew: height", len(same), len(pairs))
    inside = [(k, t, f) for k, t, f in known
              if ns(f["skew_lo_ms"]) - slack(times) <= t["skew_ns"] <= ns(f["skew_hi_ms"]) + slack(times)]
    report.line("block_arrival_skew: true skew in the interval", len(inside), len(known), "give or take the limit of times")
    if times.exact:
        check_intervals(report, times, known)

    key = lambda r: (r["block_hash"], r["node"])
    pairs, missing = both(truth["block_stage_latency"], database.rows("latency"), key)
    report.line("block_stage_latency: rows", len(pairs), len(pairs) + len(missing), wrong=missing)
    stages = ("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7")
    origin = origin_of([(t[s], f[s]) for _, t, f in pairs for s in stages if t[s] is not None and f[s] is not None])
    there = [((*k, s), t[s], f[s]) for k, t, f in pairs for s in stages]
    lacking = [k for k, t, f in there if (t is None) != (f is None)]
    times.report(report, "block_stage_latency: s0 ... s7",
                 [(k, t, f * 1000 - origin) for k, t, f in there if t is not None and f is not None], lacking)
    for field in ("mode", "completed_by", "first_peer", "source", "n_connects"):
        wrong = [f"{k}: capture {t[field]}, database {f[field]}" for k, t, f in pairs if t[field] != f[field]]
        report.line(f"block_stage_latency: {field}", len(pairs) - len(wrong), len(pairs), wrong=wrong)

    key = lambda r: (r["node"], r["from"], r["to"], r["depth"])
    pairs, missing = both(truth["reorganisations"], database.rows("reorganisations"), key)
    times.report(report, "reorganisations", [(k, t["mono_ns"], f["at_us"] * 1000 - origin) for k, t, f in pairs], missing)
    return origin


def check_intervals(report, times, known):
    """With exact clocks the interval is a matter of queues alone, and the same on both sides."""
    wanted = {"skew_lo": "skew_lo_ns", "skew_hi": "skew_hi_ns", "queue": "queue_ns"}
    for name, field in wanted.items():
        # A queue goes back to a start that was cut as well.
        pairs = [(k, t[field], ns(f[name + "_ms"])) for k, t, f in known if t[field] is not None and f[name + "_ms"] is not None]
        missing = [k for k, t, f in known if (t[field] is None) != (f[name + "_ms"] is None)]
        agree = sum(1 for _, t, f in pairs if abs(t - f) < 3000)
        wrong = [f"{k}: capture {t}, database {f} ns" for k, t, f in pairs if abs(t - f) >= 3000]
        report.line(f"block_arrival_skew: {name}_ms", agree, len(pairs) + len(missing), wrong=missing + wrong)
    # Within a microsecond of the threshold the cut decides.
    close = lambda t: 0 < t["skew_lo_ns"] < 3000 or t["skew_lo_ns"] == 0 and not t["significant"]
    wrong = [k for k, t, f in known if t["significant"] != f["significant"] and not (close(t) and ns(f["skew_lo_ms"]) < 3000)]
    report.line("block_arrival_skew: significant", len(known) - len(wrong), len(known), wrong=wrong)


def slack(times):
    return 1000 if times.exact else times.tolerance_ns


def origin_of(pairs):
    """Nanoseconds between the database's time and the capture's: the middle of what the pairs allow."""
    offsets = sorted(found * 1000 - truth for truth, found in pairs)
    return offsets[len(offsets) // 2] if offsets else 0


def check_addresses(report, times, truth, database):
    def numbered(rows, at):
        counts, seen = defaultdict(dict), []
        for r in sorted(rows, key=lambda r: r[at]):
            episodes = counts[r["network"], r["addr"], r["port"]]
            seen.append(dict(r, episode=episodes.setdefault(r[at], len(episodes))))
        return seen

    expected = numbered(truth["addr_propagation"], "episode_mono_ns")
    found = numbered(database.rows("addr"), "episode_us")
    pairs, missing = both(expected, found, lambda r: (r["network"], r["addr"], r["port"], r["episode"], r["node"]))
    report.line("addr_propagation: rows", len(pairs), len(pairs) + len(missing), wrong=missing)
    unknown = [k for k, _, f in pairs if f["delay_s"] is None]
    known = [(k, t, f) for k, t, f in pairs if f["delay_s"] is not None]
    times.report(report, "addr_propagation: delay_s", [(k, t["delay_ns"], round(f["delay_s"] * 1e9)) for k, t, f in known], unknown)
    inside = [k for k, t, f in known if abs(t["delay_ns"] - f["delay_s"] * 1e9) <= f["error_s"] * 1e9 + slack(times)]
    report.line("addr_propagation: true delay within error_s", len(inside), len(known), "give or take the limit of times")
    for field in ("novel", "from_peer", "copies"):
        wrong = [f"{k}: capture {t[field]}, database {f[field]}" for k, t, f in pairs if t[field] != f[field]]
        report.line(f"addr_propagation: {field}", len(pairs) - len(wrong), len(pairs), wrong=wrong)
    # A node's clock is known within bounds only, from the whole seconds of its version messages.
    known = [(k, t, f) for k, t, f in pairs if t["freshness_lo_s"] is not None]
    wrong = [f"{k}: capture {t['freshness_lo_s']:.3f} … {t['freshness_hi_s']:.3f}, database {f['freshness_s']}" for k, t, f in known
             if f["freshness_s"] is None
             or not t["freshness_lo_s"] - slack(times) / 1e9 <= f["freshness_s"] <= t["freshness_hi_s"] + slack(times) / 1e9]
    report.line("addr_propagation: freshness_s", len(known) - len(wrong), len(known), wrong=wrong)


def check_clocks(report, times, truth, database):
    expected, found = defaultdict(list), defaultdict(list)
    for r in truth["clock_audit"]:
        expected[r["link"]].append(r["delay_ns"])
    for r in database.rows("pings"):
        found[r["link"]].append(r["delay_ns"])
    pairs, missing = [], []
    for link in sorted(expected.keys() | found.keys()):
        t, f = sorted(expected[link]), sorted(found[link])
        if len(t) != len(f) or None in f:
            missing += [link] * max(len(t), len(f))
        else:
            pairs += [(link, a, b) for a, b in zip(t, f)]
    delays = sorted(f for _, _, f in pairs)
    times.report(report, "clock_audit: delays of pings", pairs, missing)
    if delays:
        print(f"     median {statistics.median(delays) / 1e6:.3f} ms, least {delays[0] / 1e6:.3f} ms")
    # A stand-in that was late may have sent a ping after it had arrived elsewhere: then that is what happened.
    early = {link for link, delays in expected.items() if min(delays) < 0}
    links = database.rows("clock_audit")
    wrong = [r for r in links if r["violations"] and r["link"] not in early]
    report.line("clock_audit: links without violation", len(links) - len(wrong), len(links), wrong=wrong)


def check_rpc(report, path, database):
    """The nodes' own counters: Σ size + n × overhead, 24 for v1; 21, or 33 where a type has no short id, for v2."""
    sums = {(r["node"], r["peer"], r["inbound"], r["msg_type"]): (r["count"], r["bytes"]) for r in database.rows("messages")}
    names = {k[0] for k in sums}
    agree, wrong, versions = 0, [], defaultdict(int)
    for number, node in json.load(open(path)).items():
        name = next((n for n in (os.path.basename(node.get("datadir", "")), number, f"n{number}", node.get("name")) if n in names), None)
        for peer in node["peers"]:
            counters = [(inbound, kind, value) for inbound, field in ((False, "bytessent_per_msg"), (True, "bytesrecv_per_msg"))
                        for kind, value in peer[field].items() if kind != "*other*"]
            outcomes = {}
            for version, overheads in (("v1", (24,)), ("v2", (21, 33))):
                outcomes[version] = []
                for inbound, kind, value in counters:
                    count, size = sums.get((name, peer["id"], inbound, kind), (0, 0))
                    fits = any(size + count * overhead == value for overhead in overheads) and count > 0
                    outcomes[version].append((fits, f"{name} peer {peer['id']} {'in' if inbound else 'out'} {kind}: counter {value}, {count} messages of {size} bytes"))
            version = max(outcomes, key=lambda v: sum(fits for fits, _ in outcomes[v]))
            versions[version] += 1
            agree += sum(fits for fits, _ in outcomes[version])
            wrong += [text for fits, text in outcomes[version] if not fits]
    report.line("RPC counters: Σ size + n × overhead", agree, agree + len(wrong),
                ", ".join(f"{n} peers {v}" for v, n in sorted(versions.items())), wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--dbname", default="", help="database or conninfo, as psql takes it; PG… variables work too")
    parser.add_argument("--psql", default="psql", help="the psql to run")
    parser.add_argument("--capture", help="the capture; oracle.py is run on it")
    parser.add_argument("--truth", help="what oracle.py printed, instead of --capture")
    parser.add_argument("--rpc", help="the nodes' own counters, CAPTURE.oracle.json")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--tolerance-ms", type=float)
    parser.add_argument("--within", type=float, default=100.0, metavar="PERCENT")
    parser.add_argument("--only", metavar="CHECKS", help="comma-separated: events,blocks,addresses,clocks,rpc")
    parser.add_argument("--show", type=int, default=5, metavar="N", help="how many differences to show per check")
    options = parser.parse_args()
    if options.exact == (options.tolerance_ms is not None):
        parser.error("give either --exact or --tolerance-ms")
    if bool(options.capture) == bool(options.truth):
        parser.error("give either --capture or --truth")
    if options.truth:
        truth = json.load(open(options.truth))
    else:
        done = subprocess.run([sys.executable, os.path.join(HERE, "oracle.py"), options.capture], stdout=subprocess.PIPE)
        if done.returncode:
            sys.exit("compare.py: oracle.py failed")
        truth = json.loads(done.stdout)

    database, report, times = Database(options.dbname, options.psql), Report(options.show), Times(options)
    wanted = set((options.only or "events,blocks,addresses,clocks,rpc").split(","))
    if options.exact:
        inexact = database.rows("clocks")[0]["inexact"]
        report.line("clock segments without error", 0 if inexact else 1, 1, f"{inexact} have one" if inexact else "")
    if "events" in wanted:
        check_events(report, truth, database)
    if "blocks" in wanted:
        check_blocks(report, times, truth, database)
    if "addresses" in wanted:
        check_addresses(report, times, truth, database)
    if "clocks" in wanted:
        check_clocks(report, times, truth, database)
    if options.rpc and "rpc" in wanted:
        check_rpc(report, options.rpc, database)
    print("everything agrees" if not report.failed else "NOT everything agrees")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
