"""What decoding a message costs, by type, on one core."""

import json
import os

from .results import Figure


def measure(shop, results, effort):
    fixtures = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Fixtures")
    lines = shop.run(
        [shop.program("peerscope-load"), "decode", "--capture", f"{fixtures}/captures/regtest6.jsonl.gz",
         "--messages", f"{fixtures}/messages", "--block", f"{fixtures}/captures/mainnet-block-413567.raw",
         *effort.pick(["--rounds", "1", "--milliseconds", "1"], ["--milliseconds", "10"], ["--milliseconds", "50", "--rounds", "9"])], "decode")
    rows = []
    for line in map(json.loads, lines.splitlines()):
        bytes_ = line["bytes"] / line["messages"]
        rows.append([line["type"], line["messages"], round(bytes_), line["ns"], f"{line['least_ns']:.0f}–{line['most_ns']:.0f}",
                     bytes_ / line["ns"] * 1000 if bytes_ else "–", line["limit"], line["limit_ns"], line["ns"] / line["limit_ns"]])
        if line["type"] in ("inv", "tx", "headers", "cmpctblock", "addrv2", "block, every txid"):
            results.add(Figure(f"decode, {line['type']}", line["ns"], "ns", (line["least_ns"], line["most_ns"]), line["limit_ns"],
                               line["limit"], line["ns"] / line["limit_ns"], note=f"{bytes_ / line['ns'] * 1000:.0f} MB/s"))
    results.table("Decoding, one core", ["type", "messages", "bytes each", "ns each", "spread", "MB/s", "limit", "limit ns", "ratio"], rows)
