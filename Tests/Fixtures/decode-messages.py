#!/usr/bin/env python3
"""Decodes P2P messages, independently of the Swift decoder, with nothing but Python's own library. One line
a message: its type, how the decode ended, and every field as name=value. The tests compare the lines with
those of BitcoinP2P.

    decode-messages.py FILE...

A FILE is a capture (.jsonl.gz), one serialized block (.raw), messages of one type in annotated hex (TYPE.hex,
with an empty line between them), or one message a line (.txt: type, size of the whole message, hex of what was
captured of it).
"""
import base64
import gzip
import hashlib
import ipaddress
import json
import pathlib
import struct
import sys

MAX_PAYLOAD = 4_000_000
MAX_SIZE = 0x02000000


class Malformed(Exception):
    pass


class Truncated(Exception):
    pass


class Message:
    """The bytes of a message, and the fields read so far."""

    def __init__(self, data, size):
        self.data, self.size, self.at, self.fields = data[:size], size, 0, []

    def take(self, count):
        if self.at + count > self.size:
            raise Malformed
        if self.at + count > len(self.data):
            raise Truncated
        self.at += count
        return self.data[self.at - count:self.at]

    def add(self, name, value):
        self.fields.append(f"{name}={value}")
        return value

    def number(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def field(self, name, layout):
        return self.add(name, self.number(layout))

    def compact(self, limit=MAX_SIZE):
        first = self.number("<B")
        value, least = first, 0
        if first >= 0xFD:
            layout, least = {0xFD: ("<H", 0xFD), 0xFE: ("<I", 1 << 16), 0xFF: ("<Q", 1 << 32)}[first]
            value = self.number(layout)
        if value < least or value > limit:
            raise Malformed
        return value

    def count(self, name, limit=MAX_SIZE):
        return self.add(name, self.compact(limit))

    def entries(self, limit, size, tail=0, name="count"):
        """The number of entries of one size, of which the message must have the bytes, captured or not."""
        number = self.count(name, limit)
        if self.at + number * size + tail > self.size:
            raise Malformed
        return number

    def hash(self, name):
        return self.add(name, self.take(32).hex())

    def run(self, name, limit=MAX_SIZE):
        data = self.take(self.compact(limit))
        self.add(name, data.hex())
        return data

    def left(self):
        return len(self.data) - self.at


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def base32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def host(network, data):
    if network == "ipv4":
        return str(ipaddress.IPv4Address(data))
    if network in ("ipv6", "cjdns"):
        return ipv6(data)
    if network == "onion":
        checksum = hashlib.sha3_256(b".onion checksum" + data + b"\x03").digest()[:2]
        return base32(data + checksum + b"\x03") + ".onion"
    if network in ("i2p", "torv2", "internal"):
        return base32(data) + {"i2p": ".b32.i2p", "torv2": ".onion", "internal": ".internal"}[network]
    return data.hex()


def ipv6(data):
    # Python from 3.13 writes mapped addresses with dots; Bitcoin Core does not.
    address = ipaddress.IPv6Address(data)
    if address.ipv4_mapped:
        return f"::ffff:{data[12] << 8 | data[13]:x}:{data[14] << 8 | data[15]:x}"
    return str(address)


def legacy(m, name):
    data, port = m.take(16), m.number(">H")
    if data[:12] == bytes(10) + b"\xff\xff":
        network, data = "ipv4", data[12:]
    elif data[:6].hex() == "fd87d87eeb43":
        network, data = "torv2", data[6:]
    elif data[:6] == b"\xfd" + hashlib.sha256(b"bitcoin").digest()[:5]:
        network, data = "internal", data[6:]
    else:
        network = "ipv6"
    m.add(name, f"{network},{host(network, data)},{port}")


def version(m):
    m.field("version", "<i")
    m.field("services", "<Q")
    m.field("time", "<q")
    m.field("receiver_services", "<Q")
    legacy(m, "receiver")
    if m.at < m.size:
        m.field("sender_services", "<Q")
        legacy(m, "sender")
        m.field("nonce", "<Q")
    if m.at < m.size:
        m.run("user_agent", 256)
    if m.at < m.size:
        m.field("height", "<i")
    if m.at < m.size:
        m.add("relay", int(m.number("<B") != 0))


def addr(m):
    for _ in range(m.entries(1000, 30)):
        m.field("time", "<I")
        m.field("services", "<Q")
        legacy(m, "address")


NETWORKS = {1: ("ipv4", 4), 2: ("ipv6", 16), 3: ("torv2", None), 4: ("onion", 32), 5: ("i2p", 32), 6: ("cjdns", 16)}


def addrv2(m):
    for _ in range(m.count("count", 1000)):
        m.field("time", "<I")
        m.count("services", 2**64 - 1)
        number = m.number("<B")
        name, length = NETWORKS.get(number, (f"unknown-{number}", None))
        data = m.take(m.compact(512))
        port = m.number(">H")
        if length is not None and len(data) != length:
            raise Malformed
        m.add("address", f"{name},{host(name, data)},{port}")


def inventory(m):
    for _ in range(m.entries(50_000, 36)):
        m.field("type", "<I")
        m.hash("hash")


def locator(m):
    m.field("version", "<i")
    for _ in range(m.entries(101, 32, tail=32)):
        m.hash("hash")
    m.hash("stop")


def header(m):
    block = sha256d(m.take(80)).hex()
    m.at -= 80
    m.add("block", block)
    m.field("version", "<i")
    m.hash("previous")
    root = m.hash("merkle_root")
    m.field("time", "<I")
    m.field("bits", "<I")
    m.field("nonce", "<I")
    return root


def headers(m):
    number = m.entries(2000, 81)
    captured = range(m.at + 80, min(len(m.data), m.at + 81 * number), 81)
    if any(m.data[place] for place in captured):
        raise Malformed
    for _ in range(number):
        header(m)
        m.take(1)


def transaction(m):
    """Reads a transaction and returns the first input's script if it is a coinbase."""
    start, place = m.at, len(m.fields)
    m.field("version", "<i")
    marked = m.data[m.at:m.at + 1] == b"\0"
    if marked:
        m.take(1)
        flag = m.number("<B")
        marked = flag != 0
        if flag > 1:
            raise Malformed
        if not marked:
            m.at -= 2
    body = m.at
    inputs = m.count("inputs")
    first, script = None, b""
    for index in range(inputs):
        spends = m.hash("spends"), m.field("output", "<I")
        found = m.run("script")
        if index == 0:
            first, script = spends, found
        m.field("sequence", "<I")
    value = 0
    for _ in range(m.count("outputs")):
        value += m.field("value", "<q")
        m.run("script")
    end = m.at
    if marked:
        items = 0
        for _ in range(inputs):
            number = m.count("items")
            items += number
            for _ in range(number):
                m.run("item")
        if not items:
            raise Malformed
    m.field("lock_time", "<I")
    data = m.data[start:m.at]
    stripped = data[:4] + m.data[body:end] + data[-4:]
    weight = 3 * len(stripped) + len(data)
    coinbase = inputs == 1 and first == ("00" * 32, 0xFFFFFFFF)
    m.fields[place:place] = [
        f"txid={sha256d(stripped).hex()}", f"wtxid={sha256d(data).hex()}", f"size={len(data)}", f"weight={weight}",
        f"vsize={-(-weight // 4)}", f"output_value={(value + 2**63) % 2**64 - 2**63}",
        f"coinbase={str(coinbase).lower()}",
    ]
    return script if coinbase else None


def height(script):
    """The number pushed first, and what stands behind it."""
    if not script:
        return None, script
    first = script[0]
    if first == 0 or 0x51 <= first <= 0x60:
        return max(0, first - 0x50), script[1:]
    if 1 <= first <= 5 and len(script) > first and script[first] < 0x80:
        return int.from_bytes(script[1:1 + first], "little"), script[1 + first:]
    return None, script


def tag(rest):
    # Merged mining: magic, hash, two numbers. Blanked from the front, as what it holds may be anything.
    at = rest.find(b"\xfa\xbemm")
    while at >= 0:
        rest = rest[:at] + bytes(44) + rest[at + 44:]
        at = rest.find(b"\xfa\xbemm")
    runs = "".join(chr(byte) if 0x20 <= byte < 0x7F else "\n" for byte in rest).split("\n")
    longest = max(runs, key=len)
    return longest[:64].encode().hex() if len(longest) >= 4 else "none"


def coinbase(m, script, block_version):
    if script is None:
        return
    number, rest = height(script)
    m.add("script_sig", script.hex())
    m.add("height", "none" if number is None or block_version < 2 else number)
    m.add("tag", tag(rest))


def tx(m):
    transaction(m)
    m.fields += m.fields[:2]


def block(m):
    header(m)
    script = None
    for index in range(m.count("count")):
        found = transaction(m)
        script = found if index == 0 else script
    coinbase(m, script, struct.unpack("<i", m.data[:4])[0])


def cmpctblock(m):
    header(m)
    m.field("salt", "<Q")
    short = m.entries(65_535, 6, name="short_ids")
    for _ in range(short):
        m.add("short_id", int.from_bytes(m.take(6), "little"))
    prefilled = m.count("prefilled", 65_535 - short)
    if short + prefilled == 0:
        raise Malformed
    script, following = None, 0
    for position in range(prefilled):
        index = following + m.compact(65_535)
        if index > short + position:
            raise Malformed
        m.add("index", index)
        following = index + 1
        found = transaction(m)
        script = found if index == 0 else script
    coinbase(m, script, struct.unpack("<i", m.data[:4])[0])


def getblocktxn(m):
    m.hash("block")
    following = 0
    for _ in range(m.count("count", 65_535)):
        index = following + m.compact(65_535)
        if index > 65_535:
            raise Malformed
        m.add("index", index)
        following = index + 1


def blocktxn(m):
    m.hash("block")
    for _ in range(m.count("count", 65_535)):
        transaction(m)


def merkleblock(m):
    root = header(m)
    number = m.field("transactions", "<I")
    hashes = [bytes.fromhex(m.hash("hash")) for _ in range(m.entries(MAX_SIZE, 32))]
    flags = m.run("flags")
    matches = proved(number, hashes, flags, bytes.fromhex(root))
    if matches is not None:
        m.add("proved", len(matches))
        for index, txid in matches:
            m.add("match", index)
            m.add("txid", txid.hex())


def proved(number, hashes, flags, root):
    """BIP37: the leaves that a partial merkle tree proves to be in a block; None if it proves nothing."""
    if not 0 < number <= 4_000_000 // 240 or len(hashes) > number:
        return None
    bits = [byte >> bit & 1 for byte in flags for bit in range(8)]
    depth, hashes, matches, used = (number - 1).bit_length(), list(hashes), [], 0

    def node(level, position):
        nonlocal used
        used += 1
        if not bits[used - 1] or level == depth:
            found = hashes.pop(0)
            if bits[used - 1]:
                matches.append((position, found))
            return found
        left = node(level + 1, 2 * position)
        if 2 * position + 1 >= -(-number >> (depth - level - 1)):
            return sha256d(left + left)
        right = node(level + 1, 2 * position + 1)
        if left == right:
            raise IndexError
        return sha256d(left + right)

    try:
        top = node(0, 0)
    except IndexError:
        return None
    return matches if top == root and not hashes and -(-used // 8) == len(flags) else None


def filterload(m):
    m.run("filter", 36_000)
    functions = m.field("functions", "<I")
    m.field("tweak", "<I")
    m.field("update", "<B")
    if functions > 50:
        raise Malformed


def sendcmpct(m):
    announce = m.field("announce", "<B")
    m.field("version", "<Q")
    if announce > 1:
        raise Malformed


def filter_range(m):
    m.field("filter_type", "<B")
    m.field("start", "<I")
    m.hash("stop")


def cfilter(m):
    m.field("filter_type", "<B")
    m.hash("block")
    data = m.run("filter")
    try:
        m.add("items", Message(data, len(data)).compact(2**64 - 1))
    except Malformed:
        pass


def cfheaders(m):
    m.field("filter_type", "<B")
    m.hash("stop")
    m.hash("previous")
    for _ in range(m.entries(2000, 32)):
        m.hash("hash")


def getcfcheckpt(m):
    m.field("filter_type", "<B")
    m.hash("stop")


def cfcheckpt(m):
    getcfcheckpt(m)
    for _ in range(m.entries(MAX_SIZE, 32)):
        m.hash("header")


def sendtxrcncl(m):
    m.field("version", "<I")
    m.field("salt", "<Q")


def feature(m):
    name = m.run("id", 80)
    m.run("data", 512)
    if len(name) < 4:
        raise Malformed


def empty(m):
    pass


DECODERS = {
    "version": version, "verack": empty, "addr": addr, "addrv2": addrv2, "sendaddrv2": empty, "inv": inventory,
    "getdata": inventory, "notfound": inventory, "getblocks": locator, "getheaders": locator, "headers": headers,
    "sendheaders": empty, "block": block, "merkleblock": merkleblock, "tx": tx, "mempool": empty, "getaddr": empty,
    "ping": lambda m: m.field("nonce", "<Q"), "pong": lambda m: m.field("nonce", "<Q"),
    "feefilter": lambda m: m.field("rate", "<q"), "filterload": filterload,
    "filteradd": lambda m: m.run("element", 520), "filterclear": empty, "sendcmpct": sendcmpct,
    "cmpctblock": cmpctblock, "getblocktxn": getblocktxn, "blocktxn": blocktxn, "getcfilters": filter_range,
    "cfilter": cfilter, "getcfheaders": filter_range, "cfheaders": cfheaders, "getcfcheckpt": getcfcheckpt,
    "cfcheckpt": cfcheckpt, "wtxidrelay": empty, "sendtxrcncl": sendtxrcncl, "feature": feature,
}


def line(kind, payload, size):
    if kind not in DECODERS:
        return f"{kind} unknown"
    message = Message(payload, size)
    try:
        if size > MAX_PAYLOAD:
            raise Malformed
        DECODERS[kind](message)
    except Malformed:
        return f"{kind} malformed"
    except Truncated:
        return f"{kind} truncated"
    if len(message.data) < size:
        return f"{kind} truncated"
    return " ".join([kind, "trailing" if message.left() else "ok", *message.fields])


def captured(path):
    with gzip.open(path, "rt") as capture:
        for text in capture:
            event = json.loads(text)
            if event["probe"] in ("net:inbound_message", "net:outbound_message"):
                yield event["args"][3], bytes.fromhex(event["args"][5])


def annotated(path):
    for paragraph in path.read_text().split("\n\n"):
        yield path.stem, bytes.fromhex("".join(text.partition("#")[0] for text in paragraph.splitlines()))


def main():
    for path in map(pathlib.Path, sys.argv[1:]):
        if path.suffix == ".raw":
            print(line("block", path.read_bytes(), path.stat().st_size))
        elif path.suffix == ".txt":
            for text in path.read_text().splitlines():
                kind, size, *data = text.split(" ")
                print(line(kind, bytes.fromhex("".join(data)), int(size)))
        else:
            for kind, payload in (annotated if path.suffix == ".hex" else captured)(path):
                print(line(kind, payload, len(payload)))


if __name__ == "__main__":
    main()
