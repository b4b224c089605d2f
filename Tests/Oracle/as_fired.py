#!/usr/bin/env python3
"""Rewrites a capture with the times at which stand-in nodes really fired its events.

    as_fired.py CAPTURE NODE=TRUTH.csv ... > AS_FIRED.jsonl

A stand-in's record has the capture's line of every event it fired; events that it did not fire are left out.
What the database holds after a replay is compared with this, not with the times of the original recording.
"""
import gzip
import json
import sys


def main(capture, records):
    fired = {}
    for record in records:
        _, path = record.split("=", 1)
        with open(path) as lines:
            for line in lines:
                fields = line.strip().split(",")
                if len(fields) >= 5 and fields[0].isdigit() and fields[2] != "0":
                    fired[int(fields[4])] = int(fields[0])
    opened = gzip.open(capture, "rt") if capture.endswith(".gz") else open(capture)
    with opened as lines:
        for number, line in enumerate(lines, 1):
            if number in fired:
                event = json.loads(line)
                event["mono_ns"] = fired[number]
                print(json.dumps(event, separators=(",", ":")))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
