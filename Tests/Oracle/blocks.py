#!/usr/bin/env python3
"""Compares the views about blocks with a capture, computed anew from the capture alone.

    blocks.py -d CONNINFO --capture CAPTURE.jsonl.gz [--tolerance-us 3]

For a capture fed straight into the pipeline, whose nodes share one clock, after CALL peerscope.digest(). Links
inside the fleet, hops over them, propagation of a day, compact blocks and what they lacked, stale blocks, pools, and what
validation took. Times are compared as differences, so that it does not matter when the capture was replayed. Each line
says how many rows agree; the exit status is 1 if any check fails. Only the Python 3 standard library is used.
"""

import argparse
import gzip
import json
import math
import sys
from collections import Counter, defaultdict

from oracle import STAGES, Bytes, Named, NodeBlocks, Short, block_hash, blocks_named, explorer
from rollups import Database, Report, transaction, version

COLD_BLOCKS = 144
RETRY_NS = 50 * 60 * 10**9  # a periodic write comes no sooner after the one before
CARRIES = ("cmpctblock", "blocktxn", "block")
ASKS = ("getdata", "getblocktxn")


class Capture:
    """What a capture says of blocks, in one pass."""

    def __init__(self, path):
        self.nodes = defaultdict(NodeBlocks)
        self.first_event, self.last_event = {}, {}
        self.versions = defaultdict(dict)  # (node, run, peer) -> {"own": nonce, "peer": nonce}
        self.connects = defaultdict(list)  # node -> [(t, order, height, digest, duration, inputs, run)]
        self.flushes = defaultdict(list)  # run -> [(t, order, mode, for prune)]
        self.compact = {}  # (node, run, peer, digest) -> (prefilled, had been asked for)
        self.requested = Counter()  # (node, digest) -> indexes asked for
        self.answered = Counter()  # (node, digest) -> bytes of answers
        self.missing = []  # (t, node, digest, wtxid, txid)
        self.sighted, self.received = {}, {}  # (node, id) -> first time
        self.stays = defaultdict(list)  # (node, txid) -> [[added, removed]]
        self.refusals = defaultdict(list)  # (node, txid) -> [(t, reason)]
        self.parents = {}
        events = (json.loads(line) for line in gzip.open(path, "rt"))
        for order, event in sorted(enumerate(events), key=lambda e: (e[1]["mono_ns"], e[0])):
            self.take(order, event)
        self.connects = {node: sorted(c) for node, c in self.connects.items()}
        self.stories = defaultdict(dict)
        for node, blocks in self.nodes.items():
            for digest in set(blocks.named) | set(blocks.connected):
                story = blocks.story(digest)
                if any(story[s] is not None for s in STAGES):
                    self.stories[digest][node] = story

    def take(self, order, event):
        node, run, t, args, probe = event["node"], event["pid"], event["mono_ns"], event["args"], event["probe"]
        self.first_event.setdefault(node, t)
        self.last_event[node] = max(t, self.last_event.get(node, t))
        blocks = self.nodes[node]
        if probe == "validation:block_connected":
            digest = bytes.fromhex(args[0])
            blocks.connected[digest].append((order, t, args[1], args[5]))
            blocks.windows[run].append([t, t - args[5], t])
            self.connects[node].append((t, order, args[1], digest, args[5], args[3], run))
        elif probe == "utxocache:flush":
            self.flushes[run].append((t, order, args[1], bool(args[4])))
        elif probe == "mempool:added":
            self.stays[node, args[0]].append([t, None])
        elif probe == "mempool:removed":
            if self.stays[node, args[0]]:
                self.stays[node, args[0]][-1][1] = t
            if args[1] == "block" and blocks.windows[run]:
                blocks.windows[run][-1][2] = t
        elif probe == "mempool:rejected":
            self.refusals[node, args[0]].append((t, args[1]))
        elif probe in ("net:inbound_message", "net:outbound_message"):
            peer, _, _, kind, size, payload = args
            try:
                self.message(order, t, node, run, peer, probe == "net:inbound_message", kind, size, bytes.fromhex(payload))
            except Short:
                pass

    def message(self, order, t, node, run, peer, inbound, kind, size, payload):
        for digest, entries in blocks_named(kind, payload):
            self.nodes[node].named[digest].append(Named(order, t, run, peer, inbound, kind, entries))
            if kind == "cmpctblock" and inbound:
                asked = any(not e.inbound and e.kind == "getdata" and (e.run, e.peer) == (run, peer) for e in self.nodes[node].named[digest])
                self.compact.setdefault((node, run, peer, digest), (self.prefilled(payload), asked))
        if kind == "headers":
            b = Bytes(payload)
            for _ in range(b.compact()):
                header = b.take(80)
                b.compact()
                self.header(header)
        elif kind in ("cmpctblock", "block"):
            self.header(payload[:80])
        if kind == "version":
            _, nonce, *_ = version(payload)
            self.versions[node, run, peer]["peer" if inbound else "own"] = nonce
        elif kind == "getblocktxn" and not inbound:
            b = Bytes(payload)
            self.requested[node, b.take(32)] += b.compact()
        elif kind == "blocktxn" and inbound:
            b = Bytes(payload)
            digest = b.take(32)
            self.answered[node, digest] += size
            for _ in range(b.compact()):
                txid, wtxid, _, _ = transaction(b)
                self.missing.append((t, node, digest, wtxid, txid))
        elif kind == "inv" and inbound:
            b = Bytes(payload)
            for _ in range(b.compact()):
                what, digest = b.le(4) & ~0x40000000, b.take(32).hex()
                if what in (1, 5):
                    self.sighted.setdefault((node, digest), t)
        elif kind == "tx" and inbound:
            txid, wtxid, _, _ = transaction(Bytes(payload))
            self.sighted.setdefault((node, wtxid), t)
            self.received.setdefault((node, wtxid), t)

    def header(self, header):
        self.parents[block_hash(header)] = header[4:36]

    @staticmethod
    def prefilled(payload):
        b = Bytes(payload)
        b.take(88)
        b.take(6 * b.compact())
        return b.compact()


def links(capture):
    """(node, run, peer) -> the same session at its other end."""
    by_nonces = {}
    for session, nonces in capture.versions.items():
        if nonces.get("own") and nonces.get("peer"):
            by_nonces[nonces["own"], nonces["peer"]] = session
    found = {}
    for (own, peer), session in by_nonces.items():
        other = by_nonces.get((peer, own))
        if other and other[0] != session[0]:
            found[session] = other
    return found


def hops(capture):
    """(block, from, to, peer of the side, side) -> (message type, ns on its way, of which in the queue at most, validation)."""
    linked, rows = links(capture), {}
    messages = defaultdict(lambda: ([], []))  # who takes it up, what, block -> (taken up, sent)
    for node, blocks in capture.nodes.items():
        for digest, events in blocks.named.items():
            for e in sorted(events, key=lambda e: (e.t, e.order)):
                session = (node, e.run, e.peer)
                if session in linked and e.kind in CARRIES + ASKS:
                    messages[session if e.inbound else linked[session], e.kind, digest][0 if e.inbound else 1].append(e)
    legs = defaultdict(list)
    for (session, kind, digest), (taken, sent) in messages.items():
        if len(taken) == len(sent):
            legs[session, "to" if kind in CARRIES else "from", digest] += [(i.t, i.t - o.t, kind) for i, o in zip(taken, sent)]
    for (session, side, digest), pairs in legs.items():
        node, run, peer = session
        other = linked[session][0]
        got = capture.stories[digest].get(node if side == "to" else other, {}).get("s6")
        t, way, kind = max((got is None or t <= got, t, way, kind) for t, way, kind in pairs)[1:]
        since = capture.nodes[node].waited_since(run, t)
        queue = 0 if since is None else min(t - since, max(way, 0))
        names = (other, node) if side == "to" else (node, other)
        rows[explorer(digest), *names, peer, side] = (kind, way - queue, queue, capture.stories[digest].get(node, {}).get("duration_ns"))
    return rows


def percentile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    below = values[math.floor(at)]
    return below + (values[math.ceil(at)] - below) * (at - math.floor(at))


def propagation(capture):
    """stage -> (blocks, nodes, p50, p90, p99 in ns, expected share of stale blocks)."""
    delays = defaultdict(list)
    for digest, nodes in capture.stories.items():
        if len(nodes) < 2:
            continue
        t0 = min(t for s in nodes.values() for t in [s[stage] for stage in STAGES] + [s["origin"]] if t is not None)
        for node, story in nodes.items():
            for stage in STAGES:
                if story[stage] is not None and capture.first_event[node] <= t0 and story[stage] <= capture.last_event[node]:
                    delays[stage].append((story[stage] - t0, digest, node))
    rows = {}
    for stage, found in delays.items():
        ns = [d for d, _, _ in found]
        rows[stage] = (len({b for _, b, _ in found}), len({n for _, _, n in found}), percentile(ns, 0.5), percentile(ns, 0.9),
                       percentile(ns, 0.99), 1 - math.exp(-sum(ns) / len(ns) / 1e9 / 600))
    return rows


def reconstruction(capture):
    """node -> (blocks, without request, prefilled, asked for, bytes of answers, high bandwidth)."""
    rows = defaultdict(lambda: [0] * 6)
    for digest, nodes in capture.stories.items():
        for node, story in nodes.items():
            if story["mode"] in ("compact", "compact+blocktxn"):
                run = next(c[6] for c in capture.connects[node] if c[3] == digest)
                prefilled, asked = capture.compact.get((node, run, story["completed_by"], digest), (0, None))
                for i, value in enumerate((1, story["s3"] is None, prefilled, capture.requested[node, digest],
                                           capture.answered[node, digest], asked is False)):
                    rows[node][i] += value
    return {node: tuple(r) for node, r in rows.items()}


def causes(capture):
    """(block, node, wtxid) -> why it was missing. All nodes were captured from their start."""
    rows = {}
    for t, node, digest, wtxid, txid in capture.missing:
        asked = min(t, capture.stories[digest][node]["s3"] or t)
        stays = [s for s in capture.stays[node, txid] if s[0] <= asked]
        left = max((s[1] for s in stays if s[1] is not None), default=None)
        refused = max((r for r in capture.refusals[node, txid] if r[0] <= asked), default=None)
        told = min((capture.sighted.get((node, i), math.inf) for i in (wtxid, txid)))
        if any(s[1] is None or s[1] > asked for s in stays):
            why = "unknown"
        elif left is not None and (refused is None or left > refused[0]):
            why = "evicted"
        elif refused is not None:
            why = "rejected: " + refused[1]
        elif capture.received.get((node, wtxid), math.inf) <= asked:
            why = "unknown"
        else:
            why = "in_flight" if told <= asked else "never_announced"
        rows.setdefault((explorer(digest), node, wtxid), why)
    return rows


def stale(capture):
    """height -> (stale blocks, the one that was kept)."""
    heights, last = defaultdict(set), defaultdict(dict)
    for node, connects in capture.connects.items():
        for _, _, height, digest, *_ in connects:
            heights[height].add(digest)
            last[height][node] = digest
    known = {digest: height for height, digests in heights.items() for digest in digests}
    for digest, parent in capture.parents.items():
        if digest not in known and parent in known:
            heights[known[parent] + 1].add(digest)
    rows = {}
    for height, digests in heights.items():
        if len(digests) > 1:
            votes = Counter(last[height].values())
            kept = max(digests, key=lambda d: votes[d])
            rows[height] = (sorted(explorer(d) for d in digests - {kept}), explorer(kept))
    return rows


def validation(capture):
    """(node, height, block) -> (duration, inputs, state of the coins cache) of each process's first time."""
    rows = {}
    for node, connects in capture.connects.items():
        for run in {c[6] for c in connects}:
            events = sorted([(t, order, digest, height, duration, inputs) for t, order, height, digest, duration, inputs, r in connects if r == run]
                            + [(t, order, None, mode, prune, None) for t, order, mode, prune in capture.flushes[run]])
            seen, emptied, written = set(), False, capture.first_event[node]
            for t, _, digest, a, b, inputs in events:
                if digest is None:
                    emptied |= a == 3 or not b and (a == 1 or a == 2 and t < written + RETRY_NS)
                    written = t
                elif digest not in seen:
                    seen.add(digest)
                    state = "cold" if len(seen) <= COLD_BLOCKS else "emptied" if emptied else "warm"
                    rows[node, a, explorer(digest)] = (b, inputs, state)
                    emptied = False
    return rows


def close(truth, found, tolerance_ns):
    """The truth where the two differ by no more than times cut to microseconds may, else what was found."""
    if found is None or truth is None or abs(found - truth) > tolerance_ns:
        return found
    return truth


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--dbname", required=True)
    parser.add_argument("--capture", required=True)
    parser.add_argument("--rpc", help="not used: rollups.py and compare.py compare the nodes' own counters")
    parser.add_argument("--tolerance-us", type=float, default=3)
    options = parser.parse_args()
    capture, database, report = Capture(options.capture), Database(options.dbname), Report()
    limit = options.tolerance_us * 1000

    sessions = {(node, peer): (other[0], other[2]) for (node, _, peer), other in links(capture).items()}
    report.compare("fleet_link", sessions, {(r["node"], r["peer_id"]): (r["other"], r["other_peer_id"]) for r in database.rows("""
        SELECT n.name AS node, l.peer_id, o.name AS other, l.other_peer_id
          FROM peerscope.fleet_link l JOIN peerscope.node n USING (node_id) JOIN peerscope.node o ON o.node_id = l.other_node_id""")})

    truth, found = hops(capture), {}
    for r in database.rows("""
        SELECT peerscope.hex(h.hash) AS hash, v.from_node, v.to_node, h.peer_id, v.side, v.msg_type, v.network_ms, v.queue_ms, v.validation_ms
          FROM peerscope.block_hop v
          JOIN peerscope.block_hop_leg h ON h.hash = v.block_hash AND h.side = v.side AND h.at = v.at
          JOIN peerscope.node n ON n.node_id = h.node_id AND n.name = CASE v.side WHEN 'to' THEN v.to_node ELSE v.from_node END
          JOIN peerscope.node o ON o.node_id = h.other_node_id AND o.name = CASE v.side WHEN 'to' THEN v.from_node ELSE v.to_node END"""):
        key = (r["hash"], r["from_node"], r["to_node"], r["peer_id"], r["side"])
        ns = [None if r[f] is None else round(r[f] * 1e6) for f in ("network_ms", "queue_ms", "validation_ms")]
        found[key] = (r["msg_type"], *(close(t, f, limit) for t, f in zip(truth.get(key, (None,) * 4)[1:], ns)))
    report.compare("block_hop", truth, found)

    truth, found = propagation(capture), {}
    for r in database.rows("SELECT stage, blocks, nodes, p50_ms, p90_ms, p99_ms, expected_stale FROM peerscope.block_propagation_daily"):
        expected = truth.get(r["stage"], (None,) * 6)
        found[r["stage"]] = (r["blocks"], r["nodes"], *(close(t, r[f] * 1e6, limit) for t, f in zip(expected[2:5], ("p50_ms", "p90_ms", "p99_ms"))),
                             close(expected[5], r["expected_stale"], limit / 1e9 / 600))
    report.compare("block_propagation_daily", truth, found)

    truth = {n: (r[0], round(100 * r[1] / r[0], 6), *r[2:5], round(100 * r[5] / r[0], 6)) for n, r in reconstruction(capture).items()}
    report.compare("compact_reconstruction", truth, {
        r["node"]: (r["blocks"], round(r["without_request_pct"], 6), r["prefilled"], r["requested_tx"], r["requested_bytes"], round(r["hb_pct"], 6))
        for r in database.rows("SELECT * FROM peerscope.compact_reconstruction")})
    report.compare("compact_missing", causes(capture), {(r["hash"], r["node"], r["wtxid"]): r["why"] for r in database.rows("""
        SELECT peerscope.hex(block_hash) AS hash, node, encode(wtxid, 'hex') AS wtxid, why FROM peerscope.compact_missing""")})
    report.compare("stale_blocks", stale(capture), {r["height"]: (sorted(r["hashes"]), r["kept"]) for r in database.rows("""
        SELECT height, (SELECT array_agg(peerscope.hex(h)) FROM unnest(block_hashes) h) AS hashes, peerscope.hex(kept_hash) AS kept
          FROM peerscope.stale_blocks""")})
    report.compare("block_validation_benchmark", validation(capture), {
        (r["node"], r["height"], r["hash"]): (r["duration_ns"], r["inputs"], r["cache_state"]) for r in database.rows("""
        SELECT v.node, v.height, peerscope.hex(b.hash) AS hash, v.duration_ns, v.inputs, v.cache_state
          FROM peerscope.block_validation_benchmark v
          JOIN peerscope.node n ON n.name = v.node
          JOIN peerscope.block_validation b ON b.node_id = n.node_id AND b.height = v.height AND b.duration_ns = v.duration_ns""")})
    blocks = database.rows("SELECT sum(blocks) AS blocks, sum(stale) AS stale, sum(missing_tx) AS missing FROM peerscope.block_pools")
    report.compare("block_pools: blocks, stale ones, missing transactions",
                   {"all": (len(capture.stories), sum(len(s) for s, _ in stale(capture).values()), len(causes(capture)))},
                   {"all": tuple(blocks[0].values())})
    print("everything agrees" if not report.failed else "NOT everything agrees")
    sys.exit(report.failed)


if __name__ == "__main__":
    main()
