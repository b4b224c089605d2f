#!/usr/bin/env python3
"""Compares the views about peers, transactions, mempools and alerts with a capture, computed anew from it alone.

    peers.py -d CONNINFO --capture CAPTURE.jsonl.gz

The database has been fed with the capture, and peerscope.digest() has been called. All nodes of a capture share a
clock; when the capture was fed is asked of the database, everything else is computed here, in the plainest way. Each
line says how many rows agree; the exit status is 1 if any check fails. Only the Python 3 standard library is used.
"""

import argparse
import base64
import gzip
import ipaddress
import json
import math
import sys
from collections import Counter, defaultdict
from fractions import Fraction

from oracle import Bytes, NodeBlocks, Named, Short, address_entries, blocks_named, explorer, host_of
from rollups import WITNESS, Database, transaction, version

HOUR_NS = 3600 * 10**9
MINUTE_NS = 60 * 10**9
PASSING = ("feeler", "addr-fetch", "private-broadcast")
NETWORKS = ("unroutable", "ipv4", "ipv6", "onion", "i2p", "cjdns")
SLOTS = (1024 + 256) * 64


def netgroup(host):
    """Core's group of an address without an asmap; of IPv6 that carries IPv4 the captures have none."""
    if host.endswith((".onion", ".b32.i2p")):
        first = base64.b32decode(host[:8].upper())[0]
        return f"{'onion' if host.endswith('.onion') else 'i2p'}:{first >> 4:x}/4"
    address = ipaddress.ip_address(host)
    if address.version == 6 and address.packed[0] == 0xFC:
        return str(ipaddress.ip_network(f"{host}/12", strict=False))
    if not address.is_global:
        return "unroutable"
    bits = 16 if address.version == 4 else 36 if address.packed.startswith(b"\x20\x01\x04\x70") else 32
    return str(ipaddress.ip_network(f"{host}/{bits}", strict=False))


class Session:
    def __init__(self, t):
        self.opened = self.last = t
        self.handshaked = self.closed = self.addr = self.kind = self.network = self.agent = None
        self.evicted = False
        self.own_nonce = self.peer_nonce = None
        self.messages = self.bytes = 0
        self.inv_out = self.getdata_in = self.tx_in = 0
        self.first_blocks = self.first_transactions = 0


class Capture:
    def __init__(self, path):
        self.sessions = {}
        self.first, self.last = {}, {}
        self.heard = {}  # (node, hash) -> (t, peer), by the hash as announced
        self.wtxid_of, self.txid_of = {}, {}
        self.removals = defaultdict(Counter)
        self.rejects = Counter()
        self.connected = {}  # (node, hash) -> [t, height, transactions, removed]
        self.blocks = defaultdict(NodeBlocks)
        self.pings = defaultdict(list)
        self.tens = Counter()
        self.adds, self.goods = [], []
        current = {}
        events = (json.loads(line) for line in gzip.open(path, "rt"))
        for order, event in sorted(enumerate(events), key=lambda e: (e[1]["mono_ns"], e[0])):
            node, run, t, probe, args = (event[k] for k in ("node", "pid", "mono_ns", "probe", "args"))
            self.first.setdefault(node, t)
            self.last[node] = t
            if probe in ("net:inbound_message", "net:outbound_message"):
                self.message(order, node, run, t, probe == "net:inbound_message", args)
            elif probe.endswith("_connection"):
                self.connection(node, t, probe.split(":")[1].removesuffix("_connection"), args)
            elif probe == "validation:block_connected":
                self.blocks[node].connected[bytes.fromhex(args[0])].append((order, t, args[1], args[5]))
                current[node] = self.connected.setdefault((node, args[0]), [t, args[1], args[2], 0])
                # A block that is connected again counts as it was the first time.
                if current[node][0] != t:
                    current[node] = [0, 0, 0, 0]
            elif probe == "mempool:removed":
                self.removals[args[0]][args[1]] += 1
                if args[1] == "block" and node in current:
                    current[node][3] += 1
            elif probe == "mempool:rejected":
                self.rejects[node, args[1]] += 1
            elif probe == "addrman:attempt_add" and args[0]:
                self.adds.append((node, t, args[1], args[2], args[3], args[5]))
            elif probe == "addrman:move_to_good":
                self.goods.append((node, t, args[0], args[1], args[2], args[4]))
        for node, blocks in self.blocks.items():
            for digest in set(blocks.connected):
                story = blocks.story(digest)
                if story["s0"] is not None and (node, story["first_peer"]) in self.sessions:
                    self.sessions[node, story["first_peer"]].first_blocks += 1

    def session(self, node, peer, t):
        return self.sessions.setdefault((node, peer), Session(t))

    def connection(self, node, t, what, args):
        s = self.session(node, args[0], t)
        s.last = t
        if what == "misbehaving":
            return
        s.addr, s.kind, s.network = s.addr or args[1], s.kind or args[2], NETWORKS[args[3]]
        if what == "closed":
            s.closed = t
        s.evicted |= what == "evicted_inbound"

    def message(self, order, node, run, t, inbound, args):
        peer, address, kind, message, size, payload = args
        payload = bytes.fromhex(payload)
        s = self.session(node, peer, t)
        s.addr, s.kind, s.last = s.addr or address, s.kind or kind, t
        s.messages += 1
        s.bytes += size
        b = Bytes(payload)
        try:
            for digest, entries in blocks_named(message, payload):
                self.blocks[node].named[digest].append(Named(order, t, run, peer, inbound, message, entries))
            if message == "verack" and inbound and s.handshaked is None:
                s.handshaked = t
            elif message == "version":
                _, nonce, agent, _, _ = version(payload)
                if inbound:
                    s.peer_nonce, s.agent = nonce, agent
                else:
                    s.own_nonce = nonce
            elif message == "ping" and len(payload) >= 8:
                self.pings[payload[:8]].append((node, peer, inbound))
            elif message in ("inv", "getdata"):
                for _ in range(b.compact()):
                    what, digest = b.le(4) & ~WITNESS, b.take(32).hex()
                    if what not in (1, 5):
                        continue
                    if message == "inv" and inbound:
                        self.hear(node, t, peer, digest)
                    s.inv_out += message == "inv" and not inbound
                    s.getdata_in += message == "getdata" and inbound
            elif message == "tx":
                txid, wtxid, _, _ = transaction(b)
                self.pair(txid, wtxid)
                if inbound:
                    self.hear(node, t, peer, wtxid)
                    s.tx_in += 1
            elif message == "blocktxn":
                b.take(32)
                for _ in range(b.compact()):
                    self.pair(*transaction(b)[:2])
            elif message in ("addr", "addrv2") and inbound:
                self.tens[node, peer, t] += len(address_entries(message, payload)) == 10
        except Short:
            pass

    def pair(self, txid, wtxid):
        self.txid_of[wtxid] = txid
        self.wtxid_of[txid] = wtxid

    def hear(self, node, t, peer, digest):
        self.heard.setdefault((node, digest), (t, peer))

    def links(self):
        """Sessions with nodes of the fleet: the same two nonces at both ends, or a ping seen at both."""
        ends = defaultdict(list)
        for key, s in self.sessions.items():
            if s.own_nonce and s.peer_nonce:
                ends[frozenset((s.own_nonce, s.peer_nonce))].append(key)
        found = {key for keys in ends.values() if len({k[0] for k in keys}) > 1 for key in keys}
        for seen in self.pings.values():
            for a in seen:
                for b in seen:
                    if a[0] != b[0] and a[2] != b[2]:
                        found |= {a[:2], b[:2]}
        return found

    def end(self, key):
        """A session whose end was not seen ends with its process."""
        s = self.sessions[key]
        return s.closed if s.closed is not None else self.last[key[0]]


def median_life(lives):
    """Kaplan and Meier's median of lives that have all ended, in exact fractions."""
    share = Fraction(1)
    for age in sorted(set(lives)):
        share *= 1 - Fraction(lives.count(age), sum(1 for life in lives if life >= age))
        if share <= Fraction(1, 2):
            return age
    return None


def percentile(values, share):
    values = sorted(values)
    at = share * (len(values) - 1)
    low = math.floor(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


class Report:
    failed = False

    def compare(self, what, truth, found, near=()):
        """Rows by key, each a tuple; near: the tolerance of each position, None where it must be the same."""
        def same(a, b):
            if a is None or b is None or isinstance(a, str) or isinstance(b, str):
                return a == b
            return abs(a - b) <= 1e-9

        def agree(t, f):
            if t is None or f is None or len(t) != len(f):
                return False
            limits = list(near) + [None] * (len(t) - len(near))
            return all(abs(a - b) <= limit if limit is not None and a is not None and b is not None else same(a, b)
                       for a, b, limit in zip(t, f, limits))

        keys = set(truth) | set(found)
        wrong = [k for k in sorted(keys, key=str) if not agree(truth.get(k), found.get(k))]
        self.failed |= bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} {what:<46} {len(keys) - len(wrong)} of {len(keys)} agree")
        for k in wrong[:5]:
            print(f"       {k}: capture {truth.get(k)}, database {found.get(k)}")


def hours(begin, end, origin):
    """The pieces of a span of monotonic time by hour of the database's clock: (hour, from, to)."""
    at = begin
    while at < end:
        hour = (at + origin) // HOUR_NS
        until = min(end, (hour + 1) * HOUR_NS - origin)
        yield hour, at, until
        at = until


def check_peers(report, c, database, origin):
    churn, lives = defaultdict(Counter), defaultdict(list)
    for key, s in c.sessions.items():
        if s.kind is None:
            continue
        group = (key[0], s.network or "unknown", "inbound" if s.kind == "inbound" else "outbound")
        hour = lambda t: (t + origin) // HOUR_NS
        end = c.end(key)
        churn[group[:1] + (hour(s.opened),) + group[1:]]["opened"] += 1
        lives[group[:1] + (hour(s.opened),) + group[1:]].append(end - s.opened)
        if s.handshaked is not None:
            churn[group[:1] + (hour(s.handshaked),) + group[1:]]["handshaked"] += 1
        churn[group[:1] + (hour(end),) + group[1:]]["closed"] += 1
        churn[group[:1] + (hour(end),) + group[1:]]["evicted"] += s.evicted
    report.compare(
        "connection_churn",
        {k: tuple(n[f] for f in ("opened", "handshaked", "closed", "evicted")) + (median_life(lives[k]) / 1e9 if lives[k] else None,)
         for k, n in churn.items()},
        {(r["node"], r["hour"], r["network"], r["direction"]): (r["opened"], r["handshaked"], r["closed"], r["evicted"], r["median_life_s"])
         for r in database.rows("SELECT *, (extract(epoch FROM hour) / 3600)::bigint AS hour FROM (SELECT node, hour AS at, network, direction,"
                                " opened, handshaked, closed, evicted, median_life_s FROM peerscope.connection_churn) c, LATERAL (SELECT at AS hour) h")},
        near=(None, None, None, None, 5e-6))

    time = defaultdict(Counter)
    captured = Counter()
    for node in c.first:
        for hour, begin, end in hours(c.first[node], c.last[node], origin):
            captured[node, hour] += end - begin
    for key, s in c.sessions.items():
        if s.kind is None or s.kind in PASSING:
            continue
        for hour, begin, end in hours(s.opened, min(c.end(key), c.last[key[0]]), origin):
            time[key[0], hour, "inbound" if s.kind == "inbound" else "outbound"][netgroup(host_of(s.addr))] += end - begin
    truth = {}
    for node, hour in captured:
        for population in ("inbound", "outbound"):
            groups = [v for v in time[node, hour, population].values() if v > 0]
            total = sum(groups)
            shares = [v / total for v in groups]
            truth[node, hour, population] = (
                (sum(p * p for p in shares), math.exp(-sum(p * math.log(p) for p in shares)), max(shares)) if groups else (None,) * 3
            ) + (total / captured[node, hour],)
    rows = database.rows("SELECT e.*, (extract(epoch FROM hour) / 3600)::bigint AS hour_no FROM peerscope.eclipse_indicators e")
    report.compare("eclipse_indicators: inbound and outbound", truth,
                   {(r["node"], r["hour_no"], r["population"]): (r["netgroup_hhi"], r["effective_groups"], r["top_group_share"], r["members"])
                    for r in rows if r["population"] != "addrman"}, near=(1e-5, 1e-5, 1e-5, 1e-5))

    # The height of the fleet steps up; who has not that height or more by then lags until it has.
    best, steps = -1, []
    for (node, _), (t, height, _, _) in sorted(c.connected.items(), key=lambda i: i[1][0]):
        if height > best:
            best = height
            steps.append((t, height))
    lag = {key: 0.0 for key in captured}
    for t, height in steps:
        for node in c.first:
            there = min((v[0] for (n, _), v in c.connected.items() if n == node and v[1] >= height), default=c.last[node])
            for hour, begin, end in hours(t, there, origin):
                if (node, hour) in lag:
                    lag[node, hour] = max(lag[node, hour], (end - t) / 1e9)
    report.compare("eclipse_indicators: tip_lag_s", {k: (v,) for k, v in lag.items()},
                   {(r["node"], r["hour_no"]): (r["tip_lag_s"],) for r in rows if r["population"] == "inbound"}, near=(2e-6,))

    slots = defaultdict(dict)
    for node, t, bucket, position, addr, source in sorted(c.adds, key=lambda a: a[1]):
        slots[node][False, bucket, position] = (addr, source, t)
    for node, t, bucket, position, addr, source in sorted(c.goods, key=lambda g: g[1]):
        slots[node] = {k: v for k, v in slots[node].items() if k[0] or v[0] != addr or v[2] > t}
        slots[node][True, bucket, position] = (addr, source, t)
    truth = {}
    for node in c.first:
        groups, sources = Counter(), Counter()
        for addr, source, _ in slots[node].values():
            groups[netgroup(host_of(addr))] += 1
            sources[netgroup(source)] += 1
        n = sum(groups.values())
        shares = [v / n for v in groups.values()]
        truth[node] = (sum(p * p for p in shares), max(shares), max(sources.values()) / n, n / SLOTS) if n else (None,) * 4
    last = max(captured, key=lambda k: k[1])[1]
    report.compare("eclipse_indicators: addrman at the end", truth,
                   {r["node"]: (r["netgroup_hhi"], r["top_group_share"], r["top_source_share"], r["table_occupancy"])
                    for r in rows if r["population"] == "addrman" and r["hour_no"] == last})

    links, groups = c.links(), defaultdict(list)
    for key, s in c.sessions.items():
        if s.kind == "inbound" and key not in links:
            groups[str(ipaddress.ip_network(host_of(s.addr) + "/24", strict=False))].append(key)
    fleet = len({k[0] for k, s in c.sessions.items() if s.kind == "inbound"})
    truth = {}
    for group, keys in groups.items():
        nodes = len({k[0] for k in keys})
        if nodes < 3:
            continue
        of = [c.sessions[k] for k in keys]
        inv, asked, given = sum(s.inv_out for s in of), sum(s.getdata_in for s in of), sum(s.tx_in for s in of)
        truth[group] = (nodes, len(keys), inv, asked, given, len({s.agent for s in of if s.agent is not None}),
                        nodes / fleet * inv / (inv + 1000) / (1 + 100 * (asked + given) / (inv + 1)),
                        median_life([c.end(k) - c.sessions[k].opened for k in keys]) / 1e9)
    report.compare("spy_candidates", truth, {r["group"]: (r["nodes"], r["sessions"], r["inv_out"], r["getdata_in"], r["tx_in"], r["agents"], r["score"],
                                                          r["median_life_s"]) for r in database.rows("SELECT * FROM peerscope.spy_candidates")},
                   near=(None,) * 7 + (5e-6,))

    truth = defaultdict(lambda: [set(), 0, 0, 0, 0, 0])
    for key, s in c.sessions.items():
        if s.bytes > 0:
            row = truth[host_of(s.addr), s.agent]
            row[0].add(key[0])
            for i, value in enumerate((1, s.first_blocks, s.first_transactions, s.bytes, s.evicted), 1):
                row[i] += value
    report.compare("peer_value", {k: (len(v[0]),) + tuple(v[1:4]) + (v[4] / 1e6, v[5]) for k, v in truth.items()},
                   {(r["peer"], r["agent"]): (r["nodes"], r["sessions"], r["first_blocks"], r["first_transactions"], r["megabytes"], r["evicted"])
                    for r in database.rows("SELECT * FROM peerscope.peer_value")})


def check_transactions(report, c, database, origin):
    reached = defaultdict(dict)
    for (node, digest), (t, peer) in sorted(c.heard.items(), key=lambda h: h[1]):
        wtxid = digest if digest in c.txid_of else c.wtxid_of.get(digest, digest)
        if node not in reached[wtxid]:
            reached[wtxid][node] = t
            c.sessions[node, peer].first_transactions += 1
    truth = {}
    for wtxid, nodes in reached.items():
        txid = c.txid_of.get(wtxid)
        begin = min(nodes.values())
        delays = [(t - begin) / 1e6 for t in nodes.values()]
        reasons = c.removals[txid].most_common()
        most = sorted(r for r, n in reasons if n == reasons[0][1])[0] if reasons else None
        # Nobody is watched for ten minutes after it.
        truth[wtxid] = ((begin + origin) / 1000, txid, len(nodes), 0, percentile(delays, 0.5), percentile(delays, 0.9), None, most)
    report.compare("tx_propagation", truth, {
        r["wtxid"]: tuple(r[k] for k in ("t0_us", "txid", "nodes", "eligible", "p50_ms", "p90_ms", "coverage", "removal_reason"))
        for r in database.rows("""
            SELECT peerscope.unix_us(t0) AS t0_us, encode(wtxid, 'hex') AS wtxid, encode(txid, 'hex') AS txid, nodes, eligible, p50_ms,
                   p90_ms, coverage, removal_reason FROM peerscope.tx_propagation""")}, near=(2, None, None, None, 2e-3, 2e-3, None, None))
    report.compare("mempool_divergence: no sample in so short a time", {}, {
        (r["at"], r["node_a"], r["node_b"]): (r["jaccard"],) for r in database.rows("SELECT * FROM peerscope.mempool_divergence")})
    report.compare("mempool_rejects", {k: (n,) for k, n in c.rejects.items()}, {
        (r["node"], r["reason"]): (r["count"],) for r in database.rows("SELECT node, reason, sum(count) AS count FROM peerscope.mempool_rejects GROUP BY 1, 2")})
    # Removals are known to be complete when capture went on for a second.
    report.compare("missing_at_block", {
        (node, explorer(bytes.fromhex(digest))): (height, transactions - 1 - removed) for (node, digest), (t, height, transactions, removed) in c.connected.items()
        if c.last[node] > t + 10**9}, {
        (r["node"], r["hash"]): (r["height"], r["missing"]) for r in database.rows(
            "SELECT node, peerscope.hex(block_hash) AS hash, height, missing FROM peerscope.missing_at_block WHERE missing IS NOT NULL")})


def check_alerts(report, c, database, origin):
    minutes = Counter()
    for (node, peer, t), n in c.tens.items():
        minutes[node, peer, (t + origin) // MINUTE_NS] += n
    report.compare("alert: floods of addresses", {(node, str(peer)): (1,) for (node, peer, _), n in minutes.items() if n >= 20}, {
        (r["node"], r["peer"]): (1,) for r in database.rows(
            "SELECT node, split_part(subject, ':', 2) AS peer FROM peerscope.alert WHERE kind = 'addr_flood' AND 'tens' = ANY (measures)")})
    report.compare("alert: nothing else but silence, once the capture has ended", {}, {
        (r["kind"], r["node"]): (r["subject"],) for r in database.rows(
            "SELECT kind, node, subject FROM peerscope.alert WHERE kind NOT IN ('addr_flood', 'silent_node')")})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--dbname", required=True)
    parser.add_argument("--capture", required=True)
    parser.add_argument("--rpc", help="taken as the other comparisons take it; the nodes' counters say nothing about these views")
    options = parser.parse_args()
    c, database, report = Capture(options.capture), Database(options.dbname), Report()
    # When it was fed: the database's time of the earliest event, minus the capture's.
    begun = database.rows("SELECT min(peerscope.unix_us(opened_at)) AS us FROM peerscope.peer_session")[0]["us"]
    origin = begun * 1000 - min(s.opened for s in c.sessions.values())
    check_transactions(report, c, database, origin)
    check_peers(report, c, database, origin)
    check_alerts(report, c, database, origin)
    print("everything agrees" if not report.failed else "NOT everything agrees")
    sys.exit(report.failed)


if __name__ == "__main__":
    main()
