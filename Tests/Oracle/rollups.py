#!/usr/bin/env python3
"""Compares what the writers keep per node with a capture, computed anew from the capture alone.

    rollups.py -d CONNINFO --capture CAPTURE.jsonl.gz [--rpc CAPTURE.oracle.json] [--tolerance-us 2]

Sessions with their handshakes, traffic and round trips, transactions with both ids, mempools, refusals, what
compact blocks lacked, the addresses of a day. Times are compared as differences (round trips), so that it does not
matter when the capture was replayed. Each line says how many rows agree; the exit status is 1 if any check fails.
Only the Python 3 standard library is used.
"""

import argparse
import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict

from oracle import FULL_REPLY, Bytes, OwnClock, Short, address_entries, classify

WITNESS = 0x40000000


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def transaction(b):
    """(txid, wtxid, size, virtual size) of the transaction at the front of b."""
    start = b.at
    version = b.take(4)
    has_witness = b.data[b.at : b.at + 2] == b"\0\1"
    if has_witness:
        b.take(2)
    body = b.at
    inputs = b.compact()
    for _ in range(inputs):
        b.take(36)
        b.take(b.compact())
        b.take(4)
    for _ in range(b.compact()):
        b.take(8)
        b.take(b.compact())
    outputs_end = b.at
    if has_witness:
        for _ in range(inputs):
            for _ in range(b.compact()):
                b.take(b.compact())
    locktime = b.take(4)
    whole = b.data[start : b.at]
    stripped = version + b.data[body:outputs_end] + locktime
    return sha256d(stripped).hex(), sha256d(whole).hex(), len(whole), -(-(3 * len(stripped) + len(whole)) // 4)


class Session:
    def __init__(self):
        self.facts = dict.fromkeys(
            ("user_agent", "services", "peer_height", "peer_relay", "peer_nonce", "own_user_agent", "own_height", "own_nonce",
             "hb_from_peer", "hb_to_peer", "fee_filter", "min_rtt_ns"))
        self.facts.update(wants_addrv2=False, wants_wtxid=False, wants_headers=False)
        self.counts = Counter()
        self.ping = None
        self.heard_addresses = self.getaddr = False


def signed(value, bits=64):
    return value - (1 << bits) if value >> (bits - 1) else value


def version(payload):
    b = Bytes(payload)
    b.take(4)
    services = signed(b.le(8))
    b.take(8 + 26 + 26)
    nonce = signed(b.le(8))
    agent = b.take(b.compact()).decode("latin1")
    height = b.le(4)
    relay = b.le(1) != 0 if b.at < len(payload) else None
    return services, nonce, agent, height, relay


class Capture:
    def __init__(self, path):
        self.sessions = defaultdict(Session)
        self.seen = Counter()
        self.sightings = {}
        self.entries = defaultdict(list)
        self.rejects = Counter()
        self.missing = {}
        self.addresses = set()
        self.minutes = defaultdict(Counter)
        self.removed_for_block = Counter()
        self.clocks = defaultdict(OwnClock)
        last_block = {}
        events = (json.loads(line) for line in gzip.open(path, "rt"))
        for order, event in sorted(enumerate(events), key=lambda e: (e[1]["mono_ns"], e[0])):
            node, run, t, probe, args = (event[k] for k in ("node", "pid", "mono_ns", "probe", "args"))
            if probe in ("net:inbound_message", "net:outbound_message"):
                self.message(node, run, t, probe == "net:inbound_message", args)
            elif probe == "mempool:added":
                self.entries[node, args[0]].append([t, None])
            elif probe == "mempool:removed":
                if self.entries[node, args[0]] and self.entries[node, args[0]][-1][1] is None:
                    self.entries[node, args[0]][-1][1] = args[1]
                if args[1] == "block" and node in last_block:
                    self.removed_for_block[last_block[node]] += 1
            elif probe == "mempool:rejected":
                self.rejects[node, args[1]] += 1
            elif probe == "validation:block_connected":
                last_block[node] = (node, args[0], t)
                self.removed_for_block[last_block[node]] += 0

    def message(self, node, run, t, inbound, args):
        peer, address, connection, kind, size, payload = args
        payload = bytes.fromhex(payload)
        s = self.sessions[node, peer]
        f = s.facts
        b = Bytes(payload)
        try:
            if kind == "version":
                if not inbound:
                    self.clocks[node, run].sent_version(int.from_bytes(payload[12:20], "little", signed=True), t)
                services, nonce, agent, height, relay = version(payload)
                if inbound:
                    f.update(services=services, peer_nonce=nonce, user_agent=agent, peer_height=height, peer_relay=relay)
                else:
                    f.update(own_nonce=nonce, own_user_agent=agent, own_height=height)
            elif kind in ("sendaddrv2", "wtxidrelay", "sendheaders") and inbound:
                f["wants_" + {"sendaddrv2": "addrv2", "wtxidrelay": "wtxid", "sendheaders": "headers"}[kind]] = True
            elif kind == "sendcmpct":
                f["hb_from_peer" if inbound else "hb_to_peer"] = payload[0] != 0
            elif kind == "feefilter" and inbound:
                f["fee_filter"] = signed(b.le(8))
            elif kind == "getaddr" and not inbound:
                s.getaddr = True
            elif kind == "ping" and not inbound:
                s.ping = (payload[:8], t)
            elif kind == "pong" and inbound and s.ping and s.ping[0] == payload[:8]:
                f["min_rtt_ns"] = min(f["min_rtt_ns"] or 1 << 62, t - s.ping[1])
                s.ping = None
            elif kind in ("inv", "getdata"):
                count = b.compact()
                for _ in range(count if count <= 50000 else 0):
                    what, digest = b.le(4) & ~WITNESS, b.take(32).hex()
                    if what in (1, 5):
                        s.counts[kind, inbound] += 1
                        if kind == "inv" and inbound:
                            self.sightings.setdefault((node, digest), (peer, what == 5, "inv"))
            elif kind == "tx":
                s.counts[kind, inbound] += 1
                txid, wtxid, whole, virtual = transaction(b)
                self.seen[node, peer, inbound, kind, txid, wtxid, whole, virtual] += 1
                if inbound:
                    self.sightings.setdefault((node, wtxid), (peer, True, "tx"))
            elif kind == "blocktxn":
                block = b.take(32).hex()
                for _ in range(b.compact()):
                    txid, wtxid, whole, virtual = transaction(b)
                    self.seen[node, peer, inbound, kind, txid, wtxid, whole, virtual] += 1
                    if inbound:
                        self.missing.setdefault((node, block, wtxid), (txid, peer, whole))
            elif kind in ("addr", "addrv2") and inbound:
                self.heard(node, run, t, s, connection, address, address_entries(kind, payload))
        except Short:
            pass

    def heard(self, node, run, t, s, connection, address, entries):
        now = self.clocks[node, run].at(t)
        is_first = connection == "inbound" and not s.heard_addresses
        for entry in entries:
            group = classify(entry, entries, s.getaddr, is_first, address, now)
            self.addresses.add((node, entry[1], entry[2], entry[3], group))
            s.counts["entries"] += 1
        s.counts["messages"] += 1
        s.counts["exact10"] += len(entries) == 10
        s.heard_addresses = True
        if len(entries) < FULL_REPLY:
            s.getaddr = False


class Database:
    def __init__(self, conninfo):
        self.conninfo = conninfo

    def rows(self, sql):
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo, "-c", f"SELECT row_to_json(q) FROM ({sql}) q"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"rollups.py: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]


class Report:
    failed = False

    def compare(self, what, truth, found, detail=""):
        keys = set(truth) | set(found)
        wrong = [f"{k}: capture {truth.get(k)}, database {found.get(k)}" for k in sorted(keys, key=str) if truth.get(k) != found.get(k)]
        self.failed |= bool(wrong) or not keys
        print(f"{'FAIL' if wrong or not keys else 'ok  '} {what:<46} {len(keys) - len(wrong)} of {len(keys)} agree {detail}")
        for line in wrong[:5]:
            print("      ", line)


def check_sessions(report, capture, database, tolerance_us):
    fields = list(Session().facts)
    fields.remove("min_rtt_ns")
    found = {(r["node"], r["peer_id"]): r for r in database.rows("""
        SELECT n.name AS node, s.* FROM peerscope.peer_session s JOIN peerscope.node n USING (node_id)
         WHERE msgs_in + msgs_out > 0""")}
    report.compare("peer_session: handshake", {k: tuple(s.facts[f] for f in fields) for k, s in capture.sessions.items()},
                   {k: tuple(r[f] for f in fields) for k, r in found.items()})
    kinds = ("inv", "getdata", "tx")
    report.compare("peer_session: transactions announced and asked for",
                   {k: tuple(s.counts[kind, way] for kind in kinds for way in (True, False)) for k, s in capture.sessions.items()},
                   {k: tuple(r[f"{kind}_{way}"] for kind in kinds for way in ("in", "out")) for k, r in found.items()})
    trips = {k: (s.facts["min_rtt_ns"], found.get(k, {}).get("min_rtt_us")) for k, s in capture.sessions.items()}
    report.compare("peer_session: shortest round trip", {k: True for k in trips},
                   {k: t == f or None not in (t, f) and abs(t / 1000 - f) <= tolerance_us for k, (t, f) in trips.items()})
    report.compare("addr_session_minute: sums",
                   {k: (s.counts["messages"], s.counts["exact10"], s.counts["entries"]) for k, s in capture.sessions.items() if s.counts["messages"]},
                   {(r["node"], r["peer_id"]): (r["messages"], r["exact10"], r["entries"]) for r in database.rows("""
                       SELECT n.name AS node, peer_id, sum(messages) AS messages, sum(exact10) AS exact10, sum(entries) AS entries
                         FROM peerscope.addr_session_minute JOIN peerscope.node n USING (node_id) GROUP BY 1, 2""")})


def check_transactions(report, capture, database):
    seen = database.rows("""
        SELECT n.name AS node, peer_id, inbound, msg_type, encode(txid, 'hex') AS txid, encode(wtxid, 'hex') AS wtxid, size, vsize,
               count(*) AS n FROM peerscope.tx_seen JOIN peerscope.node n USING (node_id) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8""")
    report.compare("tx_seen", capture.seen, {tuple(r[k] for k in ("node", "peer_id", "inbound", "msg_type", "txid", "wtxid", "size", "vsize")): r["n"] for r in seen})
    report.compare("tx_sighting", capture.sightings, {(r["node"], r["hash"]): (r["peer_id"], r["is_wtxid"], r["via"]) for r in database.rows("""
        SELECT n.name AS node, encode(hash, 'hex') AS hash, peer_id, is_wtxid, via FROM peerscope.tx_sighting JOIN peerscope.node n USING (node_id)""")})
    stays = defaultdict(list)
    for r in database.rows("""
        SELECT n.name AS node, encode(txid, 'hex') AS txid, reason FROM peerscope.mempool_entry JOIN peerscope.node n USING (node_id)
         ORDER BY clk, added_at"""):
        stays[r["node"], r["txid"]].append(r["reason"])
    report.compare("mempool_entry: stays and how they ended", {k: [e[1] for e in v] for k, v in capture.entries.items() if v}, dict(stays))
    report.compare("mempool_reject_hour", capture.rejects, {(r["node"], r["reason"]): r["count"] for r in database.rows("""
        SELECT n.name AS node, reason, sum(count) AS count FROM peerscope.mempool_reject_hour JOIN peerscope.node n USING (node_id) GROUP BY 1, 2""")})
    report.compare("compact_missing_tx", capture.missing, {(r["node"], r["hash"], r["wtxid"]): (r["txid"], r["peer_id"], r["size"]) for r in database.rows("""
        SELECT n.name AS node, encode(hash, 'hex') AS hash, encode(wtxid, 'hex') AS wtxid, encode(txid, 'hex') AS txid, peer_id, size
          FROM peerscope.compact_missing_tx JOIN peerscope.node n USING (node_id)""")})
    removed = defaultdict(list)
    for (node, block, _), count in sorted(capture.removed_for_block.items()):
        removed[node, block].append(count)
    found = defaultdict(list)
    for r in database.rows("""
        SELECT n.name AS node, encode(hash, 'hex') AS hash, removed FROM peerscope.validation_window JOIN peerscope.node n USING (node_id)
         ORDER BY connected_ts"""):
        found[r["node"], r["hash"]].append(r["removed"])
    report.compare("validation_window: removed for the block", dict(removed), dict(found))


def check_addresses(report, capture, database):
    report.compare("addr_day", dict.fromkeys(capture.addresses, True), {
        tuple(r[k] for k in ("node", "network", "addr", "port", "class")): True for r in database.rows("""
            SELECT DISTINCT n.name AS node, d.network, addr, port, class FROM peerscope.addr_day d JOIN peerscope.node n USING (node_id)""")})


def check_rpc(report, path, database):
    """What the nodes said of themselves: bytes per message type, and how many transactions their mempools held."""
    nodes = {os.path.basename(v["datadir"]): v for v in json.load(open(path)).values()}
    sums = {(r["node"], r["peer_id"], r["inbound"], r["msg_type"]): (r["messages"], r["bytes"]) for r in database.rows("""
        SELECT n.name AS node, peer_id, inbound, msg_type, messages, bytes FROM peerscope.session_traffic JOIN peerscope.node n USING (node_id)""")}
    truth, found = {}, {}
    for name, node in nodes.items():
        for peer in node["peers"]:
            for inbound, field in ((False, "bytessent_per_msg"), (True, "bytesrecv_per_msg")):
                for kind, value in peer[field].items():
                    if kind == "*other*":
                        continue
                    count, size = sums.get((name, peer["id"], inbound, kind), (0, 0))
                    truth[name, peer["id"], inbound, kind] = True
                    found[name, peer["id"], inbound, kind] = count > 0 and (value - size) / count in (21, 24, 33)
    report.compare("session_traffic: the nodes' own counters", truth, found)
    held = {r["node"]: r["n"] for r in database.rows("""
        SELECT n.name AS node, count(e.txid) FILTER (WHERE e.removed_at IS NULL) AS n
          FROM peerscope.node n LEFT JOIN peerscope.mempool_entry e USING (node_id) GROUP BY 1""")}
    report.compare("mempool_entry: the nodes' own mempool size", {k: v["mempool"] for k, v in nodes.items()}, held)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--dbname", required=True)
    parser.add_argument("--capture", required=True)
    parser.add_argument("--rpc")
    parser.add_argument("--tolerance-us", type=float, default=2)
    options = parser.parse_args()
    capture, database, report = Capture(options.capture), Database(options.dbname), Report()
    check_sessions(report, capture, database, options.tolerance_us)
    check_transactions(report, capture, database)
    check_addresses(report, capture, database)
    if options.rpc:
        check_rpc(report, options.rpc, database)
    print("everything agrees" if not report.failed else "NOT everything agrees")
    sys.exit(report.failed)


if __name__ == "__main__":
    main()
