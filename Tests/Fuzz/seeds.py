#!/usr/bin/env python3
"""Seeds of the fuzz targets: Corpus/TARGET.txt has one input a line, in hex, with what it is behind a `#`.

    seeds.py expand FILE FOLDER     writes each input of FILE into a file of its own, as libFuzzer wants it
    seeds.py pack FOLDER FILE       appends the inputs in FOLDER that FILE does not have, the smallest first,
                                    until FILE has 60 000 bytes
    seeds.py p2p                    prints seeds made of the captures and of the messages in annotated hex
    seeds.py wire                   prints seeds made of the annotated wire vectors, for either end
    seeds.py spool                  prints seeds made of the batches in the wire vectors, and damages
    seeds.py ingest                 prints batches: the wire vectors', and batches of messages in annotated hex
    seeds.py text FILE              prints one seed for each document of a YAML stream
"""
import gzip
import hashlib
import json
import pathlib
import struct
import sys

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"
LARGEST_FILE = 60_000


def inputs(path):
    """The inputs in a file of seeds."""
    for line in path.read_text().splitlines():
        data = line.partition("#")[0].strip()
        if data:
            yield bytes.fromhex(data)


def annotated(path):
    """The byte runs in a file of annotated hex that empty lines separate, with the title of each."""
    for paragraph in path.read_text().split("\n\n"):
        title = paragraph.splitlines()[0].lstrip("# ")
        yield title, bytes.fromhex("".join(line.partition("#")[0] for line in paragraph.splitlines()))


def expand(path, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs(path):
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(folder, path):
    known = set(inputs(path))
    size = path.stat().st_size
    files = sorted((file for file in folder.iterdir()), key=lambda file: (file.stat().st_size, file.name))
    with path.open("a") as seeds:
        for data in (file.read_bytes() for file in files):
            size += 2 * len(data) + 1
            if size > LARGEST_FILE:
                break
            if data not in known:
                print(data.hex(), file=seeds)


# The order of `MessageType.allCases`, by which the target's first byte chooses.
TYPES = """version verack addr addrv2 sendaddrv2 inv getdata notfound getblocks getheaders headers sendheaders block
    merkleblock tx mempool getaddr ping pong feefilter filterload filteradd filterclear sendcmpct cmpctblock
    getblocktxn blocktxn getcfilters cfilter getcfheaders cfheaders getcfcheckpt cfcheckpt wtxidrelay sendtxrcncl
    feature""".split()


def p2p():
    def seed(kind, data, origin):
        # The second byte is how much a snaplen cut off.
        print(f"{TYPES.index(kind):02x}40{data.hex()} # {kind}: {origin}")

    for kind in TYPES:
        for title, data in annotated(FIXTURES / "messages" / f"{kind}.hex"):
            seed(kind, data, title)
    seen = {kind: set() for kind in TYPES}
    with gzip.open(FIXTURES / "captures/regtest6.jsonl.gz", "rt") as capture:
        for text in capture:
            event = json.loads(text)
            if not event["probe"].endswith("bound_message"):
                continue
            kind, data = event["args"][3], bytes.fromhex(event["args"][5])
            # Messages of one size are mostly alike.
            if kind in seen and len(data) <= 600 and len(seen[kind]) < 3 and len(data) not in seen[kind]:
                seen[kind].add(len(data))
                seed(kind, data, "captured")


def vectors():
    for path in sorted((FIXTURES / "wire").glob("*.hex")):
        text = "".join(line.partition("#")[0] for line in path.read_text().splitlines())
        yield path.stem, bytes.fromhex(text)


def wire():
    frames = dict(vectors())
    for name, data in frames.items():
        print(f"00ff{data.hex()} # to an aggregator: {name}")
        print(f"01ff{data.hex()} # to an agent: {name}")
    greeted = frames["hello"] + frames["exchange"]
    for name in ("batch-events", "batch-gap", "every-record"):
        print(f"0007{(greeted + frames[name]).hex()} # to an aggregator: hello, exchange, {name}")
    for name in ("ack", "nack-quarantined", "nack-resume", "goodbye"):
        print(f"0107{(frames['welcome'] + frames[name]).hex()} # to an agent: welcome, {name}")


def spool():
    batches = {name: data[6:] for name, data in vectors() if name in ("batch-events", "batch-gap", "every-record")}
    for name, data in batches.items():
        print(f"00{data.hex()} # {name}")
        print(f"00{data[:-5].hex()} # {name}, torn")
    run = batches["batch-gap"] + batches["batch-events"]
    for segments in range(4):
        print(f"{segments:02x}{(run * 2).hex()} # gaps and events in {segments + 1} segments")
    # How many batches, of how many events each (0: a gap), and damage: a place (u16) and what is changed there.
    batches = "0b" + "010203040001020304000102"
    print(f"08{batches} # written by an agent, undamaged")
    for damage, what in (("640001", "a byte of a header"), ("a00080", "a byte of a batch"), ("0500ff", "a cut")):
        print(f"08{batches}{damage} # written by an agent, then {what}")
    print(f"08{batches}6400012c0140a00580f401ff # written by an agent, then damaged in four places")


def varint(value):
    data = b""
    while value > 0x7F:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def zigzag(value):
    return varint(value << 1 ^ value >> 63)


def sealed(kind, first, last, count, strings, tallies, records):
    """A batch of one process and thread, as schema/wire-protocol.md has it; the checksum is left to the target."""
    tables = b"".join(varint(len(string)) + string for string in strings)
    tables += struct.pack("<Q", 42) + varint(0) + varint(9)
    for tracepoint, delta, cumulative in tallies:
        tables += varint(0) + bytes([tracepoint]) + varint(delta) + varint(cumulative)
    header = struct.pack(
        "<4sIIIQQQIIQq16sQQIIIIII", b"PSB1", 0, 120 + len(tables) + len(records), kind, 77, first, last, count, 1, 1000,
        1_700_000_000_000_000_000, bytes(16), 1, 1, len(strings), 1, 1, len(tallies), len(records), 0)
    return header + tables + records


def batch(messages, first, inbound):
    """A batch of P2P messages."""
    strings = [b"alpha", b"45.90.228.207:8333", b"inbound-full-relay"]
    records = b""
    for kind, data in messages:
        if kind.encode() not in strings:
            strings.append(kind.encode())
        arguments = zigzag(5) + varint(1) + varint(2) + varint(strings.index(kind.encode()))
        records += bytes([1 if inbound else 2, 0]) + varint(1) + zigzag(1000) + arguments
        records += varint(len(data)) + varint(len(data)) + data
    tallies = [(1 if inbound else 2, len(messages), first + len(messages) - 1)]
    return sealed(0, first, first + len(messages) - 1, len(messages), strings, tallies, records)


def gap(first, last, tallies):
    """A batch that declares numbers lost."""
    return sealed(1, first, last, 0, [b"alpha", b"spool_bound"], tallies, varint(1))


def ingest():
    for name, data in vectors():
        if name in ("batch-events", "batch-gap", "every-record"):
            print(f"{data[6:].hex()} # {name}")
    messages = [
        (kind, data) for kind in TYPES for _, data in annotated(FIXTURES / "messages" / f"{kind}.hex")
    ]
    for place in range(0, len(messages), 6):
        few = messages[place:place + 6]
        print(f"{batch(few, 1, True).hex()} # received: {few[0][0]} and what follows")
    relay = [(kind, data) for kind, data in messages if kind in ("version", "verack", "addr", "addrv2", "getaddr")]
    print(f"{(batch(relay, 1, True) + batch(relay, 1 + len(relay), False)).hex()} # relayed addresses")
    pings = batch([("ping", bytes(8))], 10, True)
    print(f"{(gap(1, 9, [(1, 9, 0)]) + pings + gap(11, 19, [(1, 9, 19), (2, 5, 5)])).hex()} # gaps around an event")


def text(path):
    for document in path.read_text().split("\n---\n"):
        print(f"{document.encode().hex()} # {document.strip().splitlines()[0][:60]}")


def main():
    match sys.argv[1:]:
        case ["expand", path, folder]:
            expand(pathlib.Path(path), pathlib.Path(folder))
        case ["pack", folder, path]:
            pack(pathlib.Path(folder), pathlib.Path(path))
        case ["p2p"]:
            p2p()
        case ["wire"]:
            wire()
        case ["spool"]:
            spool()
        case ["ingest"]:
            ingest()
        case ["text", path]:
            text(pathlib.Path(path))
        case _:
            sys.exit(__doc__)


main()
