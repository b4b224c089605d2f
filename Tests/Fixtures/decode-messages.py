#!/usr/bin/env python3
"""Decodes the P2P messages of a capture, independently of the Swift decoder, with nothing but Python's
own library. One line a message: its type, how the decode ended, its fields. The tests compare the lines
with those of BitcoinP2P.

    decode-messages.py regtest6.jsonl.gz
"""
import base64
import gzip
import hashlib
import ipaddress
import json
import struct
import sys


class Malformed(Exception):
    pass


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Malformed
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def compact(self, limit=0x02000000):
        first = self.number("<B")
        value, least = first, 0
        if first >= 0xFD:
            layout, least = {0xFD: ("<H", 0xFD), 0xFE: ("<I", 1 << 16), 0xFF: ("<Q", 1 << 32)}[first]
            value = self.number(layout)
        if value < least or value > limit:
            raise Malformed
        return value

    def hash(self):
        return self.take(32).hex()

    def left(self):
        return len(self.data) - self.at


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest().hex()


def base32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def host(network, data):
    if network == "ipv4":
        return str(ipaddress.IPv4Address(data))
    if network in ("ipv6", "cjdns"):
        return str(ipaddress.IPv6Address(data))
    if network == "onion":
        checksum = hashlib.sha3_256(b".onion checksum" + data + b"\x03").digest()[:2]
        return base32(data + checksum + b"\x03") + ".onion"
    if network == "i2p":
        return base32(data) + ".b32.i2p"
    if network == "torv2":
        return base32(data) + ".onion"
    return data.hex()


def legacy(bytes_):
    data = bytes_.take(16)
    port = bytes_.number(">H")
    mapped = ipaddress.IPv6Address(data).ipv4_mapped
    if mapped:
        return f"ipv4,{mapped},{port}"
    if data[:6].hex() == "fd87d87eeb43":
        return f"torv2,{host('torv2', data[6:])},{port}"
    return f"ipv6,{host('ipv6', data)},{port}"


def version(b):
    fields = [b.number("<i"), b.number("<Q"), b.number("<q"), b.number("<Q"), legacy(b)]
    if b.left():
        services, sender = b.number("<Q"), legacy(b)
        fields += [services, sender, b.number("<Q")]
    if b.left():
        fields.append(b.take(b.compact(256)).hex())
    if b.left():
        fields.append(b.number("<i"))
    if b.left():
        fields.append(int(b.number("<B") != 0))
    return fields


def addr(b):
    return [f"{b.number('<I')},{b.number('<Q')},{legacy(b)}" for _ in range(b.compact(1000))]


LENGTHS = {1: ("ipv4", 4), 2: ("ipv6", 16), 3: ("torv2", None), 4: ("onion", 32), 5: ("i2p", 32), 6: ("cjdns", 16)}


def addrv2(b):
    entries = []
    for _ in range(b.compact(1000)):
        time, services, number = b.number("<I"), b.compact(2**64 - 1), b.number("<B")
        name, length = LENGTHS.get(number, (f"unknown-{number}", None))
        data = b.take(b.compact(512))
        if length is not None and len(data) != length:
            raise Malformed
        entries.append(f"{time},{services},{name},{host(name, data)},{b.number('>H')}")
    return entries


def inventory(b):
    return [f"{b.number('<I')},{b.hash()}" for _ in range(b.compact(50_000))]


def header(b):
    data = b.take(80)
    _, time, bits, nonce = struct.unpack("<i64xIII", data)
    return [f"{sha256d(data)},{data[4:36].hex()},{time},{bits},{nonce}"]


def headers(b):
    fields = []
    for _ in range(b.compact(2000)):
        fields += header(b)
        if b.compact():
            raise Malformed
    return fields


def transaction(b):
    start = b.at
    body = b.take(4)
    marked = b.data[b.at:b.at + 1] == b"\0" and b.data[b.at + 1:b.at + 2] == b"\1"
    if marked:
        b.take(2)
    first, script = b.at, b""
    inputs = b.compact()
    for index in range(inputs):
        b.take(36)
        found = b.take(b.compact())
        script = script or found
        b.take(4)
    for _ in range(b.compact()):
        b.take(8)
        b.take(b.compact())
    body += b.data[first:b.at]
    if marked:
        for _ in range(inputs):
            for _ in range(b.compact()):
                b.take(b.compact())
    body += b.take(4)
    size = b.at - start
    return sha256d(body), sha256d(b.data[start:b.at]), size, len(body), script


def height(script):
    first = script[0]
    if first == 0:
        return 0
    if 0x51 <= first <= 0x60:
        return first - 0x50
    return int.from_bytes(script[1:1 + first], "little")


def outline(b):
    txid, wtxid, size, stripped, _ = transaction(b)
    return f"{txid},{wtxid},{size},{stripped}"


def block(b):
    fields = header(b)
    count = b.compact()
    transactions = [transaction(b) for _ in range(count)]
    script = transactions[0][4]
    return fields + [count, height(script), script.hex()] + [t[0] for t in transactions]


def cmpctblock(b):
    fields = header(b) + [b.number("<Q")]
    short = b.compact(65_535)
    b.take(6 * short)
    prefilled = b.compact(65_535 - short)
    fields += [short, prefilled]
    following = 0
    for _ in range(prefilled):
        index = following + b.compact(65_535)
        following = index + 1
        script = transaction(b)[4]
        if index == 0:
            fields += [height(script), script.hex()]
    return fields


def getblocktxn(b):
    fields, following = [b.hash()], 0
    for _ in range(b.compact(65_535)):
        fields.append(following + b.compact(65_535))
        following = fields[-1] + 1
    return fields


def blocktxn(b):
    return [b.hash()] + [outline(b) for _ in range(b.compact(65_535))]


DECODERS = {
    "version": version, "addr": addr, "addrv2": addrv2, "inv": inventory, "getdata": inventory,
    "notfound": inventory, "headers": headers, "block": block, "cmpctblock": cmpctblock,
    "getblocktxn": getblocktxn, "blocktxn": blocktxn, "tx": lambda b: [outline(b)],
    "ping": lambda b: [b.number("<Q")], "pong": lambda b: [b.number("<Q")],
}


def line(kind, payload):
    b = Bytes(payload)
    try:
        fields = DECODERS[kind](b)
    except Malformed:
        return f"{kind} malformed"
    status = "trailing" if b.left() else "ok"
    return " ".join([kind, status, *map(str, fields)])


def main():
    with gzip.open(sys.argv[1], "rt") as capture:
        for text in capture:
            event = json.loads(text)
            if event["probe"] in ("net:inbound_message", "net:outbound_message"):
                kind, payload = event["args"][3], event["args"][5]
                if kind in DECODERS:
                    print(line(kind, bytes.fromhex(payload)))


main()
