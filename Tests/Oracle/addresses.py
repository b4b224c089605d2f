#!/usr/bin/env python3
"""Compares the views about addresses with a capture, computed anew from the capture alone.

    addresses.py -d CONNINFO --capture CAPTURE.jsonl.gz

Distinct addresses, floods, Core's rate limit, self-announcements, fan-out, truth and coverage; addr_propagation is
compare.py's. Call peerscope.digest() before. Each line says how many rows agree; the exit status is 1 if any check
fails. Only the Python 3 standard library is used.
"""

import argparse
import gzip
import json
import math
import re
import statistics
import sys
from collections import Counter, defaultdict

from oracle import FULL_REPLY, MAX_RELAYED, OwnClock, Short, address_entries, classify, host_of, propagation
from rollups import Database, Report

TEN_MINUTES = 600 * 10**9
DELTAS = (30, 60, 120, 300, 600, 1200)


class Session:
    """What one connection did with addresses, and Core's token bucket for it (ProcessAddrs in net_processing.cpp)."""

    def __init__(self, opened):
        self.tokens, self.filled = 1.0, opened
        self.messages = self.entries = self.limited = self.future = 0
        self.tens = []
        self.poured = []
        self.heard = self.getaddr = self.outbound = self.shaken = False
        self.peer = None

    def fill(self, t):
        if self.tokens < 1000:
            self.tokens = min(1000, self.tokens + (t - self.filled) / 1e9 * 0.1)
        self.filled = t

    def take(self):
        if self.tokens < 1:
            self.limited += 1
        else:
            self.tokens -= 1


class Capture:
    def __init__(self, path):
        self.sessions = {}
        self.heard = []
        self.sent = defaultdict(list)
        self.span = {}
        self.clocks = defaultdict(OwnClock)
        self.start = None
        events = (json.loads(line) for line in gzip.open(path, "rt"))
        for _, event in sorted(enumerate(events), key=lambda e: (e[1]["mono_ns"], e[0])):
            node, run, t, probe, args = (event[k] for k in ("node", "pid", "mono_ns", "probe", "args"))
            first, _ = self.span.get(node, (t, t))
            self.span[node] = (first, t)
            self.start = t if self.start is None else self.start
            if probe in ("net:inbound_connection", "net:outbound_connection"):
                self.session(node, args[0], t)
            elif probe in ("net:inbound_message", "net:outbound_message"):
                self.message(node, run, t, probe == "net:inbound_message", args)

    def session(self, node, peer, t):
        return self.sessions.setdefault((node, peer), Session(t))

    def message(self, node, run, t, inbound, args):
        peer, address, connection, kind, size, payload = args
        payload = bytes.fromhex(payload)
        s = self.session(node, peer, t)
        s.outbound, s.peer = connection != "inbound", address
        try:
            if kind == "version" and not inbound:
                self.clocks[node, run].sent_version(int.from_bytes(payload[12:20], "little", signed=True), t)
            elif kind == "verack" and inbound:
                s.shaken = True
            elif kind == "getaddr" and not inbound:
                s.getaddr = True
                s.tokens += 1000
            elif kind in ("addr", "addrv2") and inbound:
                self.receive(node, run, t, peer, s, connection, address, address_entries(kind, payload))
            elif kind in ("addr", "addrv2"):
                entries = address_entries(kind, payload)
                for stamp, *key in entries if len(entries) <= MAX_RELAYED else ():
                    self.sent[node, (*key, stamp)].append((t, peer))
        except Short:
            pass

    def receive(self, node, run, t, peer, s, connection, address, entries):
        now = self.clocks[node, run].at(t)
        is_first = connection == "inbound" and not s.heard
        s.fill(t)
        for entry in entries:
            stamp, *key = entry
            group = classify(entry, entries, s.getaddr, is_first, address, now)
            self.heard.append((t, node, peer, tuple(key), stamp, group, None))
            s.poured.append((t, tuple(key)))
            s.take()
            s.future += now is not None and stamp > sum(now) / 2
        s.messages += 1
        s.entries += len(entries)
        if len(entries) == 10:
            s.tens.append(t)
        s.heard = True
        if len(entries) < FULL_REPLY:
            s.getaddr = False


def check_unique(report, capture, database):
    truth = {}
    told = defaultdict(lambda: defaultdict(set))
    for _, node, _, (network, addr, port), _, group, _ in capture.heard:
        for name in (group, "all"):
            told[network, name, "ip"][node].add(addr)
            told[network, name, "ip:port"][node].add((addr, port))
    for key, nodes in told.items():
        union = len(set().union(*nodes.values()))
        truth[key] = (union, statistics.median(len(a) for a in nodes.values()), len(nodes), union, None)
    report.compare("addr_unique_daily", truth, {
        (r["network"], r["class"], r["unit"]): (r["union_count"], r["median_per_node"], r["nodes"], r["new_addrs"], r["vs_7d_median"])
        for r in database.rows("SELECT * FROM peerscope.addr_unique_daily")})


def first_byte(network, addr):
    if network == "ipv4":
        return int(addr.split(".")[0])
    if network in ("ipv6", "cjdns"):
        return int(addr.split(":")[0] or "0", 16) >> 8
    if network in ("onion", "i2p"):
        alphabet = "abcdefghijklmnopqrstuvwxyz234567"
        return alphabet.index(addr[0]) << 3 | alphabet.index(addr[1]) >> 2
    return int(addr[:2], 16) if addr else None


def check_floods(report, capture, database):
    """A minute's border through a burst of messages is not looked for: a flood of a capture takes milliseconds."""
    oldest = {}
    for t, _, _, key, *_ in capture.heard:
        oldest[key] = min(t, oldest.get(key, t))
    truth = {}
    for (node, peer), s in capture.sessions.items():
        if sum(1 for t in s.tens if t - s.tens[0] < 60 * 10**9) < 5:
            continue
        addresses = {key for _, key in s.poured}
        began = s.poured[0][0]
        counts = Counter(first_byte(key[0], key[1]) for key in addresses).values()
        total = sum(counts)
        entropy = -sum(n / total * math.log2(n / total) for n in counts)
        truth[node, peer] = (s.peer, s.messages, len(s.tens), s.entries,
                             round(100 * sum(oldest[key] >= began for key in addresses) / len(addresses), 6),
                             round(100 * s.future / s.entries, 6), round(entropy, 9), s.entries - s.limited)
    report.compare("addr_flood_candidates", truth, {
        (r["node"], r["peer_id"]): (r["addr"], r["messages"], r["exact10"], r["entries"], round(r["novel_pct"], 6),
                                    round(r["future_pct"], 6), round(r["prefix_entropy"], 9), r["passed_rate_limit"])
        for r in database.rows("SELECT * FROM peerscope.addr_flood_candidates")})


def check_rate_limit(report, capture, database):
    found = {}
    for r in database.rows("SELECT * FROM peerscope.addr_rate_limit"):
        node, _, peer = r["session"].split("/")
        found[node, int(peer)] = (r["entries"], r["est_limited"], round(r["tokens"], 3))
    report.compare("addr_rate_limit", {k: (s.entries, s.limited, round(s.tokens, 3)) for k, s in capture.sessions.items() if s.messages}, found)


def check_self(report, capture, database):
    """Intervals in hundredths of a second, as their times were cut to microseconds."""
    truth, last = Counter(), {}
    for t, node, peer, key, stamp, group, _ in capture.heard:
        if group == "self" and (node, key, stamp) not in last:
            last[node, key, stamp] = t
            before = last.get((node, peer, key))
            truth[node, peer, *key[1:], None if before is None else round((t - before) / 1e7)] += 1
            last[node, peer, key] = t
    found = Counter((r["node"], r["peer"], r["addr"], r["port"], None if r["interval_s"] is None else round(r["interval_s"] * 100))
                    for r in database.rows("SELECT * FROM peerscope.addr_self_announcements"))
    # A capture may have none.
    report.compare("addr_self_announcements", truth or {"none": True}, found or {"none": True})


def check_fanout(report, capture, database):
    received = {}
    for t, node, _, key, stamp, group, _ in capture.heard:
        if group in ("gossip", "self"):
            received.setdefault((node, (*key, stamp)), t)
    truth = {}
    for what, sent in capture.sent.items():
        if what in received:
            soon = [(t, peer) for t, peer in sent if 0 <= t - received[what] <= TEN_MINUTES]
            if soon:
                truth[what] = (len({peer for _, peer in soon}), min(t for t, _ in soon) - received[what])
    found = {}
    for r in database.rows("""
        SELECT node, (announcement).network, (announcement).addr, (announcement).port,
               extract(epoch FROM (announcement).announced_at)::bigint AS stamp, fanout, forward_delay_s
          FROM peerscope.addr_relay_fanout"""):
        found[r["node"], (r["network"], r["addr"], r["port"], r["stamp"])] = (r["fanout"], r["forward_delay_s"])
    report.compare("addr_relay_fanout: fanout", {k: v[0] for k, v in truth.items()}, {k: v[0] for k, v in found.items()})
    # Two times, each cut to microseconds.
    report.compare("addr_relay_fanout: forward_delay_s", dict.fromkeys(truth, True),
                   {k: k in truth and abs(truth[k][1] / 1e9 - v[1]) < 2e-6 for k, v in found.items()})


def check_truth(report, capture, database):
    gossiped = {key for _, _, _, key, _, group, _ in capture.heard if group == "gossip"}
    shaken = {(host_of(s.peer), int(re.search(r":(\d+)$", s.peer)[1]))
              for s in capture.sessions.values() if s.outbound and s.shaken and re.search(r":\d+$", s.peer)}
    truth = Counter(network for network, *_ in gossiped)
    nodes = Counter(network for network, *rest in gossiped if tuple(rest) in shaken)
    report.compare("addr_truth", {k: (n, nodes[k], nodes[k] / n) for k, n in truth.items()}, {
        r["network"]: (r["newly_gossiped"], r["handshaked"], r["share"]) for r in database.rows("SELECT * FROM peerscope.addr_truth")})


def check_coverage(report, capture, database):
    """Nodes are captured from their first to their last event, and none of a capture is in initial download."""
    truth = defaultdict(lambda: [0, 0])
    episodes = defaultdict(dict)
    for r in propagation(capture.heard):
        episodes[r["network"], r["addr"], r["port"], r["episode_mono_ns"], r["novel"]][r["node"]] = r["delay_ns"]
    for (network, _, _, began, novel), nodes in episodes.items():
        for delta in DELTAS:
            count = truth[network, novel, delta]
            for node, (first, last) in capture.span.items():
                if first <= began and began + delta * 10**9 <= last:
                    count[1] += 1
                    count[0] += nodes.get(node, math.inf) <= delta * 10**9
    report.compare("addr_coverage_curve", {k: (*v, v[0] / v[1] if v[1] else None) for k, v in truth.items()}, {
        (r["network"], r["novel"], r["delta_s"]): (r["reached"], r["eligible"], r["coverage"])
        for r in database.rows("SELECT * FROM peerscope.addr_coverage_curve")})


def check_degree(report, capture, database):
    """A peer has to be listened to for ten minutes, which no capture lasts."""
    longest = max(last - first for first, last in capture.span.values())
    rows = database.rows("SELECT * FROM peerscope.addr_relay_degree")
    report.compare("addr_relay_degree: none in less than ten minutes", {True: longest < TEN_MINUTES}, {True: not rows})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--dbname", required=True)
    parser.add_argument("--capture", required=True)
    parser.add_argument("--rpc", help="not used: the nodes' RPC says nothing of addresses")
    options = parser.parse_args()
    capture, database, report = Capture(options.capture), Database(options.dbname), Report()
    days = database.rows("SELECT DISTINCT day FROM peerscope.addr_session_day")
    check_rate_limit(report, capture, database)
    check_self(report, capture, database)
    check_fanout(report, capture, database)
    check_degree(report, capture, database)
    if len(days) == 1:
        check_unique(report, capture, database)
        check_floods(report, capture, database)
        check_truth(report, capture, database)
        check_coverage(report, capture, database)
    else:
        print(f"     the capture was fed over midnight: what is counted by day is left out ({len(days)} days)")
    print("everything agrees" if not report.failed else "NOT everything agrees")
    sys.exit(report.failed)


if __name__ == "__main__":
    main()
