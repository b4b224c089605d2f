#!/usr/bin/env python3
"""Prints what only a fleet can show: each question, the SQL behind it, and its answer from the database.

    findings.py --psql "peerscope sql --database …" --queries DIR [--oracle FILE]

A query file begins with its question as a comment; the rest is the SQL. With --oracle the nodes' own RPC
counters, saved when the capture was taken, are compared with what the database holds.
"""
import argparse
import glob
import json
import os
import shlex
import subprocess
import sys

OVERHEADS = (24, 21, 33)  # bytes around a payload: v1 transport; v2 with short and with long message types


def run(psql, *arguments):
    done = subprocess.run([*psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "footer=off", *arguments],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: asking the database: {done.stderr.strip()}")
    return done.stdout.rstrip()


def show(psql, path):
    with open(path) as file:
        lines = file.read().splitlines()
    question = []
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        question.append(lines.pop(0).removeprefix("--").strip())
    sql = "\n".join(lines).strip()
    print("\n■ " + " ".join(part for part in question if part))
    print(f"  SQL: schema/examples/demo/{os.path.basename(path)}")
    for line in run(psql, "-c", sql).splitlines():
        print("  " + line)


def counters_agree(psql, oracle):
    """Counter = Σ size + n × overhead, for every peer still connected, direction and message type."""
    text = run(psql, "-A", "-t", "-c", """
        select coalesce(json_agg(x), '[]') from (
            select n.name as node, m.peer_id, m.inbound, m.msg_type, count(*) as n, sum(m.size) as bytes
            from peerscope.p2p_message m join peerscope.node n using (node_id) group by 1, 2, 3, 4) x""")
    seen = {(row["node"], row["peer_id"], row["inbound"], row["msg_type"]): row for row in json.loads(text)}
    agree = total = 0
    for key, node in oracle.items():
        name = node.get("node") or node.get("datadir") or f"n{key}"
        for peer in node["peers"]:
            for field, inbound in (("bytessent_per_msg", False), ("bytesrecv_per_msg", True)):
                for kind, counter in peer[field].items():
                    if kind == "*other*":
                        continue
                    total += 1
                    row = seen.get((name, peer["id"], inbound, kind))
                    agree += bool(row and any(row["bytes"] + row["n"] * extra == counter for extra in OVERHEADS))
    return agree, total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--psql", required=True)
    parser.add_argument("--queries", required=True)
    parser.add_argument("--oracle")
    arguments = parser.parse_args()
    psql = shlex.split(arguments.psql)
    print("\nWhat only a fleet can show")
    for path in sorted(glob.glob(os.path.join(arguments.queries, "*.sql"))):
        show(psql, path)
    if arguments.oracle and os.path.exists(arguments.oracle):
        with open(arguments.oracle) as file:
            agree, total = counters_agree(psql, json.load(file))
        print(f"\n■ Do the nodes' own byte counters, told by RPC, agree with what is stored? {agree} of {total} agree.")
        if agree != total:
            sys.exit(1)


if __name__ == "__main__":
    main()
