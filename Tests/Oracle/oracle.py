#!/usr/bin/env python3
"""What the database must say about a capture, computed from the capture alone.

    oracle.py CAPTURE.jsonl.gz > truth.json

Reads the JSON lines that the project's captures consist of, decodes the P2P messages itself and applies the
definitions of the views in the plainest way: one pass, lists, sorting. It shares no code and no table with
what it judges. Times are nanoseconds of the capture's monotonic clock, which all nodes share.

Only the Python 3 standard library is used.
"""

import base64
import bisect
import gzip
import hashlib
import ipaddress
import json
import sys
from collections import Counter, defaultdict

DAY_NS = 24 * 3600 * 10**9
GRACE_NS = 100 * 10**6  # what waits on a thread is taken up within 100 ms of its last removal
MAX_ANNOUNCED = 8  # headers with more entries are synchronisation, not announcement
MAX_RELAYED = 10  # Core relays addresses only from messages of at most 10
FRESH_S = 600  # and only if they are not older than 10 minutes
FULL_REPLY = 1000  # an address message this long is not the last answer to a getaddr


class Short(Exception):
    """The payload ends before the message does."""


class Bytes:
    """A payload being read."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Short
        self.at += n
        return self.data[self.at - n : self.at]

    def le(self, n):
        return int.from_bytes(self.take(n), "little")

    def compact(self):
        first = self.le(1)
        return first if first < 253 else self.le(1 << (first - 252))


def block_hash(header):
    return hashlib.sha256(hashlib.sha256(header).digest()).digest()


def explorer(wire):
    return wire[::-1].hex()


# ------------------------------------------------------------------------------------------------ addresses


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def in_ipv6(raw):
    """An address in the 16 bytes of an `addr` entry, and what BIP155 calls network 2."""
    if raw.startswith(bytes(10) + b"\xff\xff"):
        return "ipv4", str(ipaddress.IPv4Address(raw[12:]))
    if raw.startswith(bytes.fromhex("fd87d87eeb43")):
        return "torv2", raw[6:].hex()
    return "ipv6", str(ipaddress.IPv6Address(raw))


def by_bip155(network, raw):
    if network == 1 and len(raw) == 4:
        return "ipv4", str(ipaddress.IPv4Address(raw))
    if network == 2 and len(raw) == 16:
        return "ipv6", str(ipaddress.IPv6Address(raw))
    if network == 4 and len(raw) == 32:
        check = hashlib.sha3_256(b".onion checksum" + raw + b"\3").digest()[:2]
        return "onion", base32(raw + check + b"\3") + ".onion"
    if network == 5 and len(raw) == 32:
        return "i2p", base32(raw) + ".b32.i2p"
    if network == 6 and len(raw) == 16:
        return "cjdns", str(ipaddress.IPv6Address(raw))
    return ("torv2" if network == 3 else f"unknown-{network}"), raw.hex()


def address_entries(kind, payload):
    """(nTime, network, address, port) of each entry. A message that does not parse has none, as in Core."""
    b, entries = Bytes(payload), []
    for _ in range(b.compact()):
        stamp = b.le(4)
        if kind == "addr":
            b.take(8)
            network, address = in_ipv6(b.take(16))
        else:
            b.compact()
            network, address = by_bip155(b.le(1), b.take(b.compact()))
        entries.append((stamp, network, address, int.from_bytes(b.take(2), "big")))
    return entries


def host_of(peer):
    """The host part of what Core prints as a peer's address."""
    return peer[1:].split("]")[0] if peer.startswith("[") else peer.rsplit(":", 1)[0]


class OwnClock:
    """A node's own clock against the capture's: bounds of the difference, from the version messages it sent."""

    def __init__(self):
        self.lo = self.hi = None

    def sent_version(self, stamp_s, mono_ns):
        lo = stamp_s - mono_ns / 1e9
        hi = lo + 1
        if self.lo is not None and max(lo, self.lo) <= min(hi, self.hi):
            lo, hi = max(lo, self.lo), min(hi, self.hi)
        self.lo, self.hi = lo, hi

    def at(self, mono_ns):
        if self.lo is None:
            return None
        return mono_ns / 1e9 + self.lo, mono_ns / 1e9 + self.hi


# ---------------------------------------------------------------------------------------------------- blocks


class Named:
    """A message that names or carries a block, at one node."""

    __slots__ = ("order", "t", "peer", "run", "inbound", "kind", "entries")

    def __init__(self, order, t, run, peer, inbound, kind, entries):
        self.order, self.t, self.run, self.peer = order, t, run, peer
        self.inbound, self.kind, self.entries = inbound, kind, entries


def blocks_named(kind, payload):
    """(hash, entries of the message) of every block in a message."""
    b = Bytes(payload)
    if kind in ("inv", "getdata"):
        count, found = b.compact(), []
        for _ in range(count):
            what = b.le(4) & ~0x40000000
            digest = b.take(32)
            if what in (2, 3, 4):
                found.append((digest, count))
        return found
    if kind == "headers":
        count, found = b.compact(), []
        for _ in range(count):
            found.append((block_hash(b.take(80)), count))
            b.compact()
        return found
    if kind in ("cmpctblock", "block"):
        return [(block_hash(b.take(80)), 1)]
    if kind in ("getblocktxn", "blocktxn"):
        return [(b.take(32), 1)]
    return []


class NodeBlocks:
    """What one node did with blocks."""

    def __init__(self):
        self.named = defaultdict(list)  # hash -> [Named]
        self.connected = defaultdict(list)  # hash -> [(order, t, height, duration)]
        self.windows = defaultdict(list)  # run -> [[connected, start, last removal]]

    def waited_since(self, run, t):
        """Start of the earliest validation behind which an event at t may have queued."""
        windows = self.windows[run]
        last = bisect.bisect_right(windows, t, key=lambda w: w[0])
        starts = [w[1] for w in windows[max(0, last - 200) : last] if t <= w[2] + GRACE_NS]
        return min(starts, default=None)

    def story(self, digest):
        """Every stage of a block, by the definitions of `block_arrival`."""
        events = sorted(self.named.get(digest, []), key=lambda e: (e.t, e.order))
        connects = sorted(self.connected.get(digest, []), key=lambda c: (c[1], c[0]))

        def first(wanted):
            return next((e for e in events if wanted(e)), None)

        s = {}
        s["s0"] = first(
            lambda e: e.inbound
            and (e.kind in ("inv", "cmpctblock") or e.kind == "headers" and e.entries <= MAX_ANNOUNCED)
        )
        s["s1"] = first(lambda e: not e.inbound and e.kind == "getdata")
        s["s2"] = first(lambda e: e.inbound and e.kind == "cmpctblock")
        s["s3"] = first(lambda e: not e.inbound and e.kind == "getblocktxn")
        s["s4"] = first(lambda e: e.inbound and e.kind in ("blocktxn", "block"))
        asked = set()
        s["s5"] = None
        for e in events:
            if e.inbound and e.kind == "getdata":
                asked.add((e.run, e.peer))
            if not e.inbound and e.kind == "cmpctblock" and (e.run, e.peer) not in asked:
                s["s5"] = e
                break
        story = {"n_connects": len(connects), "height": None, "duration_ns": None}
        s["s6"] = s["s7"] = None
        source = mode = completed_by = start = None
        heard = first(lambda e: e.inbound and e.kind in ("inv", "headers", "cmpctblock", "blocktxn", "block"))
        told = first(lambda e: not e.inbound and e.kind in ("inv", "headers", "cmpctblock"))
        if heard:
            source = "peer"
        if connects:
            order, t, height, duration = connects[0]
            start = t - duration
            story["height"], story["duration_ns"] = height, duration
            s["s7"] = first(
                lambda e: not e.inbound and e.kind in ("inv", "headers", "cmpctblock") and (e.t, e.order) > (t, order)
            )
            # Mined here: it was connected, or others were told, before anybody else named it. Not "validation had
            # begun": a start is a time minus a duration, and on a replayed capture those two do not belong together.
            if not heard or (t, order) < (heard.t, heard.order) or (told and told.t < heard.t):
                source = mode = "local"
                s["s0"] = None
            else:
                whole = [e for e in events if e.inbound and (e.t, e.order) < (t, order) and e.kind in ("cmpctblock", "blocktxn", "block")]
                if whole:
                    completed_by = whole[-1].peer
                    mode = {"cmpctblock": "compact", "blocktxn": "compact+blocktxn", "block": "block"}[whole[-1].kind]
            story["s6"] = t
        else:
            story["s6"] = None
        for stage in ("s0", "s1", "s2", "s3", "s4", "s5", "s7"):
            story[stage] = s[stage].t if s[stage] else None
        story["queue_ns"] = {}
        for stage in ("s0", "s2", "s4"):
            if s[stage]:
                since = self.waited_since(s[stage].run, s[stage].t)
                if since is not None:
                    story["queue_ns"][stage] = s[stage].t - since
        story["source"], story["mode"], story["completed_by"] = source, mode, completed_by
        story["first_peer"] = None if source == "local" else (s["s0"] or heard).peer if (s["s0"] or heard) else None
        story["origin"] = start if source == "local" else None
        return story


STAGES = ("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7")


def skews(stories, heights):
    """Rows of block_arrival_skew, with a clock error of 0."""
    rows = []
    for digest, nodes in sorted(stories.items()):
        for stage in STAGES:
            times = [(node, s[stage], s["queue_ns"].get(stage)) for node, s in nodes.items() if s[stage] is not None]
            arrivals = len(times)
            if stage == "s0":
                times += [(node, s["origin"], None) for node, s in nodes.items() if s["origin"] is not None]
            for i, (node, t, queue) in enumerate(times[:arrivals]):
                lo = t - (queue or 0)
                others = times[:i] + times[i + 1 :]
                earliest_hi = min((o[1] for o in others), default=None)
                earliest_lo = min((o[1] - (o[2] or 0) for o in others), default=None)
                rows.append(
                    {
                        "block_hash": explorer(digest),
                        "height": heights.get(digest),
                        "node": node,
                        "stage": stage,
                        "mono_ns": t,
                        "skew_ns": t - min(o[1] for o in times),
                        "skew_lo_ns": max(0, lo - earliest_hi) if others else 0,
                        "skew_hi_ns": max(0, t - earliest_lo) if others else 0,
                        "queue_ns": queue,
                        "significant": bool(others) and lo > earliest_hi,
                    }
                )
    return rows


# ------------------------------------------------------------------------------------------------- addresses


def propagation(heard):
    """Rows of addr_propagation from every entry heard: (t, node, peer, key, nTime, class, freshness)."""
    oldest, by_key = {}, defaultdict(list)
    for t, node, peer, key, stamp, group, fresh in heard:
        oldest[key] = min(t, oldest.get(key, t))
        if group == "gossip":
            by_key[key].append((t, node, peer, stamp, fresh))
    rows = []
    for key, sightings in sorted(by_key.items()):
        sightings.sort(key=lambda s: s[0])
        episodes = [[sightings[0]]]
        for before, now in zip(sightings, sightings[1:]):
            if now[0] - before[0] > DAY_NS:
                episodes.append([])
            episodes[-1].append(now)
        for episode in episodes:
            begin, seen = episode[0][0], {}
            for t, node, peer, stamp, fresh in episode:
                row = seen.setdefault(node, {"t": t, "peer": peer, "fresh": fresh, "copies": 0})
                row["copies"] += 1
            for node, row in sorted(seen.items()):
                rows.append(
                    {
                        "network": key[0],
                        "addr": key[1],
                        "port": key[2],
                        "episode_mono_ns": begin,
                        "novel": oldest[key] >= begin,
                        "node": node,
                        "mono_ns": row["t"],
                        "delay_ns": row["t"] - begin,
                        "freshness_lo_s": row["fresh"] and row["fresh"][0],
                        "freshness_hi_s": row["fresh"] and row["fresh"][1],
                        "from_peer": row["peer"],
                        "copies": row["copies"],
                    }
                )
    return rows


def classify(entry, entries, waiting, first_of_inbound, peer, now):
    stamp, _, address, _ = entry
    if waiting:
        return "getaddr_response"
    if address == host_of(peer) or first_of_inbound and len(entries) == 1:
        return "self"
    if len(entries) > MAX_RELAYED:
        return "bulk"
    # Between the bounds of the node's clock an entry of just ten minutes could be either: take their middle.
    own = sum(now) / 2 if now else stamp
    return "gossip" if stamp > own - FRESH_S else "stale"


# ------------------------------------------------------------------------------------------------------- main


def main(path):
    nodes = defaultdict(NodeBlocks)
    clocks = defaultdict(OwnClock)
    waiting, heard_from = set(), set()
    messages, sizes, tracepoints = Counter(), Counter(), Counter()
    pings = defaultdict(list)
    heard = []
    malformed = Counter()
    connected_order = defaultdict(list)
    first_t = last_t = None

    for order, line in enumerate(gzip.open(path, "rt") if path.endswith(".gz") else open(path)):
        event = json.loads(line)
        node, run, t, args = event["node"], event["pid"], event["mono_ns"], event["args"]
        first_t = t if first_t is None else min(t, first_t)
        last_t = t if last_t is None else max(t, last_t)
        probe = event["probe"]
        tracepoints[node, probe] += 1
        blocks = nodes[node]
        if probe == "validation:block_connected":
            digest = bytes.fromhex(args[0])
            blocks.connected[digest].append((order, t, args[1], args[5]))
            blocks.windows[run].append([t, t - args[5], t])
            connected_order[node].append((t, order, args[1], digest))
        elif probe == "mempool:removed" and args[1] == "block" and blocks.windows[run]:
            blocks.windows[run][-1][2] = t
        if probe not in ("net:inbound_message", "net:outbound_message"):
            continue

        inbound = probe == "net:inbound_message"
        peer, peer_address, connection, kind, size, payload = args
        payload = bytes.fromhex(payload)
        messages[node, peer, inbound, kind] += 1
        sizes[node, peer, inbound, kind] += size
        session = (node, run, peer)
        try:
            for digest, entries in blocks_named(kind, payload):
                blocks.named[digest].append(Named(order, t, run, peer, inbound, kind, entries))
            if kind == "version" and not inbound:
                clocks[node, run].sent_version(int.from_bytes(payload[12:20], "little", signed=True), t)
            elif kind == "getaddr" and not inbound:
                waiting.add(session)
            elif kind == "ping" and len(payload) >= 8:
                pings[payload[:8]].append((t, node, inbound))
            elif kind in ("addr", "addrv2") and inbound:
                entries = address_entries(kind, payload)
                now = clocks[node, run].at(t)
                is_first = connection == "inbound" and session not in heard_from
                for entry in entries:
                    group = classify(entry, entries, session in waiting, is_first, peer_address, now)
                    fresh = (now[0] - entry[0], now[1] - entry[0]) if now else None
                    heard.append((t, node, peer, entry[1:], entry[0], group, fresh))
                heard_from.add(session)
                if len(entries) < FULL_REPLY:
                    waiting.discard(session)
        except Short:
            malformed[node, kind] += 1

    stories = defaultdict(dict)
    heights = {}
    for node, blocks in nodes.items():
        for digest in set(blocks.named) | set(blocks.connected):
            story = blocks.story(digest)
            if any(story[s] is not None for s in STAGES):
                stories[digest][node] = story
            if story["height"] is not None:
                heights[digest] = story["height"]

    reorganisations = []
    for node, connects in connected_order.items():
        connects.sort()
        for (_, _, h1, d1), (t, order, h2, d2) in zip(connects, connects[1:]):
            if h2 <= h1:
                above = [d for (t3, o3, h3, d) in connects if (t3, o3) > (t, order) and h3 == h1 + 1]
                reorganisations.append(
                    {"node": node, "mono_ns": t, "from": explorer(d1), "to": explorer(above[0] if above else d2), "depth": h1 - h2 + 1}
                )

    samples = []
    for nonce, seen in pings.items():
        for t_out, a, inbound in seen:
            for t_in, b, arrived in seen:
                if not inbound and arrived and a != b:
                    samples.append({"link": f"{a}→{b}", "nonce": nonce.hex(), "delay_ns": t_in - t_out})

    latency = []
    for digest, by_node in sorted(stories.items()):
        for node, story in sorted(by_node.items()):
            latency.append({"block_hash": explorer(digest), "node": node, **{k: v for k, v in story.items() if k != "queue_ns"}})

    json.dump(
        {
            "events": sum(tracepoints.values()),
            "first_mono_ns": first_t,
            "last_mono_ns": last_t,
            "block_arrival_skew": skews(stories, heights),
            "block_stage_latency": latency,
            "reorganisations": reorganisations,
            "addr_propagation": propagation(heard),
            "messages": [
                {"node": n, "peer": p, "inbound": i, "msg_type": k, "count": c, "bytes": sizes[n, p, i, k]}
                for (n, p, i, k), c in sorted(messages.items())
            ],
            "tracepoints": [{"node": n, "tracepoint": p, "count": c} for (n, p), c in sorted(tracepoints.items())],
            "clock_audit": sorted(samples, key=lambda s: (s["link"], s["delay_ns"])),
            "malformed": [{"node": n, "msg_type": k, "count": c} for (n, k), c in sorted(malformed.items())],
        },
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
