#!/usr/bin/env python3
"""Reads Peerscope's wire protocol and prints one JSON line a frame.

Written from schema/wire-protocol.md alone, with nothing but the standard library, so that the document
and the Swift code can be checked against each other.

    decode_wire.py [--hex] [--annotate] [FILE]

FILE (or standard input) holds the raw bytes of one direction of a TCP stream; with --hex, hexadecimal
digits with comments from '#' to the end of the line. --annotate prints the bytes with their meaning
instead of JSON. At the first violation the last line is {"error": ...} and the exit status is 1.
"""
import argparse
import json
import sys
import uuid

LARGEST_BATCH = 4 * 1024 * 1024 + 64 * 1024
LARGEST_LENGTH = LARGEST_BATCH + 2
TOP = 1 << 63

FRAMES = {1: "HELLO", 2: "WELCOME", 3: "BATCH", 4: "ACK", 5: "NACK", 6: "PING", 7: "PONG", 8: "POLICY", 9: "GOODBYE"}

PEER = [("peer_id", "z"), ("addr", "s"), ("conn_type", "s")]
MESSAGE = PEER + [("msg_type", "s"), ("size", "v"), ("payload", "p")]
OPENED = PEER + [("network", "v"), ("connections", "v")]
ENDED = PEER + [("network", "v"), ("connected_at", "z")]
COIN = [("txid", "h"), ("vout", "v"), ("height", "v"), ("value", "z"), ("coinbase", "b")]
PLACE = [("bucket", "z"), ("position", "z"), ("addr", "s"), ("addr_as", "v"), ("source", "s"), ("source_as", "v")]

# kind: (name, fields). z zigzag, v varint, u byte, b truth value, h 32 bytes, s string, p payload, i uuid, c counters.
RECORDS = {
    1: ("net:inbound_message", MESSAGE),
    2: ("net:outbound_message", MESSAGE),
    3: ("net:inbound_connection", OPENED),
    4: ("net:outbound_connection", OPENED),
    5: ("net:evicted_inbound_connection", ENDED),
    6: ("net:closed_connection", ENDED),
    7: ("net:misbehaving_connection", [("peer_id", "z"), ("reason", "s")]),
    8: ("validation:block_connected", [("hash", "h"), ("height", "z"), ("transactions", "v"), ("inputs", "z"),
                                       ("sigops_cost", "z"), ("duration_ns", "z")]),
    9: ("utxocache:flush", [("duration_us", "z"), ("mode", "v"), ("coins", "v"), ("bytes", "v"), ("for_prune", "b")]),
    10: ("utxocache:add", COIN),
    11: ("utxocache:spent", COIN),
    12: ("utxocache:uncache", COIN),
    13: ("coin_selection:selected_coins", [("wallet", "s"), ("algorithm", "s"), ("target", "z"), ("waste", "z"),
                                           ("selected", "z")]),
    14: ("coin_selection:normal_create_tx_internal", [("wallet", "s"), ("success", "b"), ("fee", "z"),
                                                      ("change_pos", "z")]),
    15: ("coin_selection:attempting_aps_create_tx", [("wallet", "s")]),
    16: ("coin_selection:aps_create_tx_internal", [("wallet", "s"), ("use_aps", "b"), ("success", "b"), ("fee", "z"),
                                                   ("change_pos", "z")]),
    17: ("mempool:added", [("txid", "h"), ("vsize", "z"), ("fee", "z")]),
    18: ("mempool:removed", [("txid", "h"), ("reason", "s"), ("vsize", "z"), ("fee", "z"), ("entry_time", "v")]),
    19: ("mempool:replaced", [("old_txid", "h"), ("old_vsize", "z"), ("old_fee", "z"), ("old_entry_time", "v"),
                              ("new_id", "h"), ("new_vsize", "z"), ("new_fee", "z"), ("new_is_txid", "b")]),
    20: ("mempool:rejected", [("txid", "h"), ("reason", "s")]),
    21: ("addrman:attempt_add", [("inserted", "b")] + PLACE),
    22: ("addrman:move_to_good", PLACE),
    64: ("process_start", [("pid", "v"), ("start_ticks", "v"), ("started_mono_ns", "v"), ("exe", "s"), ("dev", "v"),
                           ("inode", "v")]),
    65: ("process_exit", [("exited_mono_ns", "v")]),
    66: ("probe", [("tracepoint", "u"), ("status", "u"), ("at_mono_ns", "v"), ("arguments", "u"), ("sites", "v"),
                   ("semaphore", "b"), ("layout", "u"), ("dev", "v"), ("inode", "v"), ("path", "s"), ("detail", "s")]),
    67: ("clock_step", [("step_ns", "z")]),
    68: ("clock_sample", [("lo_ns", "z"), ("hi_ns", "z"), ("reference", "i"), ("reference_offset_ns", "z"),
                          ("agg_real_minus_mono_ns", "z"), ("agg_maxerror_ns", "v"), ("agg_sync", "b"),
                          ("node_real_minus_mono_ns", "z"), ("node_maxerror_ns", "v"), ("node_sync", "b")]),
    69: ("counters", [("entries", "c")]),
    70: ("gap", [("reason", "s"), ("tracepoint", "u"), ("from_mono_ns", "v"), ("to_mono_ns", "v"),
                 ("count_plus_one", "v")]),
    71: ("coverage", [("tracepoint", "u"), ("from_mono_ns", "v"), ("to_mono_ns", "v")]),
    72: ("agent_status", [("spool_bytes", "v"), ("rss_bytes", "v"), ("ring_used_bytes", "v"), ("uptime_ms", "v")]),
    73: ("policy", [("tracepoint", "u"), ("mode", "u")]),
    74: ("count", [("tracepoint", "u"), ("count", "v")]),
}
STRING_CUT, PAYLOAD_UNREADABLE, OPTIONAL_ABSENT = 1, 2, 4


class Violation(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Violation(message)


def crc32c(data):
    """CRC-32C, reflected polynomial 0x82f63b78; b"123456789" gives 0xe3069283."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def crc_entry(value):
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


CRC_TABLE = [crc_entry(index) for index in range(256)]


class Reader:
    """Reads bytes in order; notes (offset, length, meaning) for --annotate."""

    def __init__(self, data, base=0, notes=None):
        self.data, self.position, self.base = data, 0, base
        self.notes = [] if notes is None else notes

    @property
    def remaining(self):
        return len(self.data) - self.position

    def note(self, start, label, value=None):
        text = label if value is None else f"{label} = {value}"
        self.notes.append((self.base + start, self.position - start, text))

    def take(self, count, label, what):
        expect(count <= self.remaining, f"{what}: {count} bytes expected, {self.remaining} left")
        start = self.position
        self.position += count
        return start, self.data[start:self.position]

    def integer(self, size, label, signed=False, order="little"):
        start, run = self.take(size, label, label)
        value = int.from_bytes(run, order, signed=signed)
        self.note(start, label, value)
        return value

    def u8(self, label):
        return self.integer(1, label)

    def u16(self, label):
        return self.integer(2, label)

    def u32(self, label):
        return self.integer(4, label)

    def u64(self, label):
        return self.integer(8, label)

    def i64(self, label):
        return self.integer(8, label, signed=True)

    def raw_varint(self, label):
        value = shift = 0
        while True:
            _, run = self.take(1, label, label)
            value |= (run[0] & 0x7F) << shift
            expect(value < 1 << 64 and shift <= 63, f"{label}: a varint of at most 64 bits expected")
            if run[0] < 0x80:
                return value
            shift += 7

    def varint(self, label):
        start = self.position
        value = self.raw_varint(label)
        self.note(start, label, value)
        return value

    def zigzag(self, label):
        start = self.position
        raw = self.raw_varint(label)
        value = (raw >> 1) ^ -(raw & 1)
        self.note(start, label, value)
        return value

    def uuid(self, label):
        start, run = self.take(16, label, label)
        value = str(uuid.UUID(bytes=bytes(run)))
        self.note(start, label, value)
        return value

    def hex(self, count, label):
        start, run = self.take(count, label, label)
        self.note(start, label)
        return run.hex()

    def text(self, count, label):
        start, run = self.take(count, label, label)
        value = run.decode("utf-8", "replace")
        self.note(start, label, json.dumps(value))
        return value

    def str16(self, label):
        return self.text(self.u16(label + " length"), label)


def positions(reader):
    return [{"stream_id": reader.u64("stream_id"), "durable_seq": reader.u64("durable_seq")}
            for _ in range(reader.u16("streams"))]


def hello(r):
    magic = r.u32("magic PSC1")
    expect(magic == 0x31435350, "HELLO: the magic PSC1 expected")
    return {
        "min_version": r.u16("min_version"), "max_version": r.u16("max_version"), "agent_id": r.str16("agent_id"),
        "agent_version": r.str16("agent_version"), "kernel": r.str16("kernel"), "boot_id": r.uuid("boot_id"),
        "source": r.u8("source"),
        "nodes": [{"name": r.str16("name"), "stream_id": r.u64("stream_id"), "next_seq": r.u64("next_seq"),
                   "oldest_seq": r.u64("oldest_seq")} for _ in range(r.u16("nodes"))],
        "probes": [{"node": r.str16("node"), "tracepoint": r.u8("tracepoint"), "status": r.u8("status"),
                    "arguments": r.u8("arguments"), "sites": r.u16("sites")} for _ in range(r.u16("probes"))],
        "policy": [{"tracepoint": r.u8("tracepoint"), "mode": r.u8("mode")} for _ in range(r.u16("policy"))],
    }


def welcome(r):
    return {
        "version": r.u16("version"), "max_frame": r.u32("max_frame"), "window_bytes": r.u32("window_bytes"),
        "window_batches": r.u32("window_batches"), "heartbeat_ms": r.u32("heartbeat_ms"),
        "aggregator_id": r.str16("aggregator_id"), "reference": r.uuid("reference"),
        "reference_offset_ns": r.i64("reference_offset_ns"), "streams": positions(r),
    }


def nack(r):
    return {"stream_id": r.u64("stream_id"), "first_seq": r.u64("first_seq"), "last_seq": r.u64("last_seq"),
            "code": r.u16("code"), "reason": r.str16("reason")}


def pong(r):
    return {"id": r.u64("id"), "t1": r.u64("t1"), "t2": r.u64("t2"), "t3": r.u64("t3"),
            "real_minus_mono_ns": r.i64("real_minus_mono_ns"), "maxerror_ns": r.u64("maxerror_ns"),
            "synchronised": r.u8("synchronised") != 0}


def value(r, name, code, strings):
    if code == "z":
        return r.zigzag(name)
    if code == "v":
        return r.varint(name)
    if code == "u":
        return r.u8(name)
    if code == "b":
        return r.u8(name) != 0
    if code == "h":
        return r.hex(32, name)
    if code == "i":
        return r.uuid(name)
    if code == "p":
        return r.hex(r.varint(name + " length"), name)
    if code == "c":
        count = r.varint("entries")
        expect(count <= r.remaining // 6, "counters: more entries than bytes")
        return [{"tracepoint": r.u8("tracepoint"), "hits": r.varint("hits"), "counted": r.varint("counted"),
                 "lost_ring": r.varint("lost_ring"), "lost_unreadable": r.varint("lost_unreadable"),
                 "lost_user": r.varint("lost_user")} for _ in range(count)]
    index = r.varint(name + " string")
    expect(index < len(strings), f"{name}: string {index} of {len(strings)}")
    return strings[index]


def record(r, h, sequence, mono, strings, runs, threads):
    kind = r.u8("record kind")
    flags = r.u8("flags")
    thread = r.varint("thread")
    mono += r.zigzag("delta_ns")
    expect(kind in RECORDS, f"record {sequence}: unknown kind {kind}")
    expect(thread <= len(threads), f"record {sequence}: thread {thread} of {len(threads)}")
    expect(kind >= 64 or thread > 0, f"record {sequence}: an event without a thread")
    expect(0 <= mono < TOP, f"record {sequence}: time out of range")
    name, fields = RECORDS[kind]
    if kind == 19 and flags & OPTIONAL_ABSENT:
        fields = fields[:-1]
    run, tid = threads[thread - 1] if thread else (None, 0)
    return mono, {
        "seq": sequence, "kind": kind, "name": name, "flags": flags, "mono_ns": mono,
        "ts_ns": h["base_real_ns"] + mono - h["base_mono_ns"], "run_id": None if run is None else runs[run],
        "tid": tid, "arguments": {field: value(r, field, code, strings) for field, code in fields},
    }


def batch(r):
    start = r.position
    data = r.data[start:]
    expect(len(data) >= 120, "batch: 120 bytes of header expected")
    magic = r.u32("magic PSB1")
    expect(magic == 0x31425350, "batch: the magic PSB1 expected")
    crc = r.u32("crc32c")
    length = r.u32("length")
    expect(length == len(data) and length <= LARGEST_BATCH, f"batch: {len(data)} bytes, the header says {length}")
    expect(crc == crc32c(data[8:]), "batch: the CRC-32C differs")
    kind = r.u8("kind")
    zeros = [r.u8("zero") for _ in range(3)]
    h = {
        "kind": kind, "stream_id": r.u64("stream_id"), "first_seq": r.u64("first_seq"), "last_seq": r.u64("last_seq"),
        "count": r.u32("count"), "clk": r.u32("clk"), "base_mono_ns": r.u64("base_mono_ns"),
        "base_real_ns": r.i64("base_real_ns"), "boot_id": r.uuid("boot_id"), "ring_epoch": r.u64("ring_epoch"),
        "ring_end": r.u64("ring_end"),
    }
    counts = [r.u32(name) for name in ("strings", "runs", "threads", "tallies", "record bytes")]
    zeros.append(r.u32("zero"))
    expect(kind <= 1 and not any(zeros), "batch: kind 0 or 1 and zero in the reserved bytes expected")
    expect(0 < h["stream_id"] < TOP and 0 < h["first_seq"] <= h["last_seq"] < TOP - 1, "batch: stream or sequence")
    expect(h["clk"] < 1 << 31 and h["base_mono_ns"] < TOP, "batch: clock out of range")
    expect(h["count"] == (0 if kind == 1 else h["last_seq"] - h["first_seq"] + 1), "batch: count")
    expect(counts[0] >= 1, "batch: the node's name as string 0 expected")
    for count, size in zip(counts[:4], (1, 8, 2, 4)):
        expect(count <= r.remaining // size, "batch: a table larger than the batch")
    strings = [r.text(r.varint(f"string {index} length"), f"string {index}") for index in range(counts[0])]
    runs = [r.u64(f"run {index}") for index in range(counts[1])]
    threads = [(r.varint(f"thread {index + 1} run"), r.varint("tid")) for index in range(counts[2])]
    expect(all(run < len(runs) and tid < 1 << 32 for run, tid in threads), "batch: thread table")
    tallies = []
    for index in range(counts[3]):
        run = r.varint(f"tally {index} run")
        expect(run < len(runs), "batch: tally table")
        tallies.append({"run_id": runs[run], "tracepoint": r.u8("tracepoint"), "delta": r.varint("delta"),
                        "cumulative": r.varint("cumulative")})
    expect(all(1 <= tally["tracepoint"] <= 22 for tally in tallies), "batch: tally of an unknown tracepoint")
    events = sum(tally["delta"] for tally in tallies)
    expect(kind == 1 or events <= h["count"], "batch: more events than records")
    expect(all(run < TOP for run in runs), "batch: run_id of 63 bits expected")
    expect(r.remaining == counts[4], f"batch: {r.remaining} record bytes, the header says {counts[4]}")
    h.update(node=strings[0], tallies=tallies, records=[], reason=None)
    if kind == 1:
        index = r.varint("reason string")
        expect(index < len(strings), "batch: reason of the gap")
        h["reason"] = strings[index]
    mono = h["base_mono_ns"]
    for index in range(h["count"]):
        mono, entry = record(r, h, h["first_seq"] + index, mono, strings, runs, threads)
        h["records"].append(entry)
    expect(r.remaining == 0, f"batch: {r.remaining} bytes behind the last record")
    return h


BODIES = {
    1: hello, 2: welcome, 3: batch, 4: lambda r: {"streams": positions(r)}, 5: nack,
    6: lambda r: {"id": r.u64("id"), "t1": r.u64("t1")}, 7: pong,
    8: lambda r: {"policy": [{"tracepoint": r.u8("tracepoint"), "mode": r.u8("mode")}
                             for _ in range(r.u16("policy"))]},
    9: lambda r: {"code": r.u16("code"), "reason": r.str16("reason")},
}


def frames(data, notes):
    """Yields one dictionary a frame; the generator ends with Violation at the first broken rule."""
    outer = Reader(data, notes=notes)
    while outer.remaining:
        length = outer.integer(4, "frame length", order="big")
        expect(2 <= length <= LARGEST_LENGTH, f"frame: a length of 2 to {LARGEST_LENGTH} expected, found {length}")
        kind = outer.u8("type")
        expect(kind in FRAMES, f"frame: a type of 1 to 9 expected, found {kind}")
        notes[-1] = notes[-1][:2] + (f"type {FRAMES[kind]}",)
        expect(outer.u8("flags") == 0, "frame: flags 0 expected")
        start, body = outer.take(length - 2, "body", FRAMES[kind])
        inner = Reader(body, base=start, notes=notes)
        message = {"frame": FRAMES[kind], **BODIES[kind](inner)}
        expect(inner.remaining == 0, f"{FRAMES[kind]}: {inner.remaining} bytes behind the message")
        yield message


def annotate(data, notes):
    end = notes[-1][0] + notes[-1][1] if notes else 0
    rest = [(end, len(data) - end, "not read")] if end < len(data) else []
    for start, count, text in notes + rest:
        run = data[start:start + count]
        for offset in range(0, max(count, 1), 16):
            line = run[offset:offset + 16].hex(" ")
            print(f"{line:<48}# {text}" if offset == 0 else line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hex", action="store_true")
    parser.add_argument("--annotate", action="store_true")
    parser.add_argument("file", nargs="?", default="-")
    options = parser.parse_args()
    if options.file == "-":
        data = sys.stdin.buffer.read()
    else:
        with open(options.file, "rb") as stream:
            data = stream.read()
    if options.hex:
        data = bytes.fromhex(" ".join(line.split("#")[0] for line in data.decode().splitlines()))
    notes, status = [], 0
    try:
        for message in frames(data, notes):
            if not options.annotate:
                print(json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    except Violation as violation:
        status = 1
        if not options.annotate:
            print(json.dumps({"error": str(violation)}))
    if options.annotate:
        annotate(data, notes)
    return status


if __name__ == "__main__":
    sys.exit(main())
