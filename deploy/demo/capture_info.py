#!/usr/bin/env python3
"""Says what a capture holds: its nodes, its length and which stand-in binary has its argument layout.

    capture_info.py CAPTURE  ->  one line: BINARY SECONDS EVENTS NODE...
"""
import gzip
import json
import sys


def main(path):
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    nodes, first, last, events, old = {}, None, None, 0, False
    with opened as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                event = json.loads(line)
                node, at = event["node"], event["mono_ns"]
            except (ValueError, KeyError, TypeError) as error:
                sys.exit(f"error: {path}, line {number}: not an event of a capture ({error})")
            nodes.setdefault(node, None)
            first = at if first is None else min(first, at)
            last = at if last is None else max(last, at)
            events += 1
            if event.get("probe") == "mempool:replaced" and len(event["args"]) == 7:
                old = True
            if str(event.get("probe", "")).startswith("addrman:"):
                old = True
    if not nodes:
        sys.exit(f"error: {path} holds no event; name a capture as CAPTURE=FILE")
    binary = "tracepoint-replay-v27" if old else "tracepoint-replay"
    print(binary, (last - first) / 1e9, events, *sorted(nodes))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except OSError as error:
        sys.exit(f"error: reading {sys.argv[1]}: {error.strerror or error}; name a capture as CAPTURE=FILE")
