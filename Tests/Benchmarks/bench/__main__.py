"""Runs the benchmarks: python3 -m bench BINARIES SCHEMA RESULTS [--full | --smoke] [--only a,b] [--markdown]"""

import argparse
import os
import signal
import sys
import time
import traceback

from . import agent, capture, decode, endtoend, latency, probes, thousand, views
from .fleet import Effort, Failure, Workshop, busy_processors
from .results import Results

PARTS = {
    "probes": (probes, "What a probe costs the node"),
    "agent": (agent, "What an agent costs its host"),
    "capture": (capture, "How much an agent carries"),
    "endtoend": (endtoend, "From spools to committed rows"),
    "latency": (latency, "From a probe's hit to a visible row"),
    "thousand": (thousand, "A thousand agents"),
    "decode": (decode, "Decoding"),
    "views": (views, "Views"),
}
#: As many busy processors are noise: waited for up to a minute, then told of.
QUIET = 0.25


def quiet(effort):
    """Waits for a quiet moment; how many processors are busy with something else."""
    if effort.smoke:
        return busy_processors(0.1)
    until = time.monotonic() + 60
    while True:
        time.sleep(0.5)  # What the last part leaves behind.
        busy = busy_processors()
        if busy <= QUIET or time.monotonic() > until:
            return busy


#: Where remarks begin in RESULTS.md.
REMARKS = "## Where the time goes"


def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("binaries", help="folder of the programs, built for release")
    parser.add_argument("schema", help="folder of the schema")
    parser.add_argument("results", help="folder for results.json and results.svg")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--full", action="store_true", help="also what takes long")
    group.add_argument("--smoke", action="store_true", help="run everything with tiny counts; no figure means anything")
    parser.add_argument("--only", help=f"comma-separated, of {', '.join(PARTS)}")
    parser.add_argument("--markdown", metavar="FILE", help="measure nothing: write results.json as Markdown")
    options = parser.parse_args()
    if options.markdown:
        results = Results.read(options.results)
        # What people wrote about the figures stays.
        written = open(options.markdown).read() if os.path.exists(options.markdown) else ""
        with open(options.markdown, "w") as out:
            out.write(results.markdown() + "".join(written.partition(f"\n{REMARKS}\n")[1:]))
        print(f"Written to {options.markdown}")
        return
    if os.geteuid() != 0:
        sys.exit("error: attaching eBPF programs needs root. Run `sudo make bench`.")
    effort = Effort("full" if options.full else "smoke" if options.smoke else "short")
    names = (options.only or ",".join(PARTS)).split(",")
    for name in names:
        if name not in PARTS:
            sys.exit(f"error: there is no benchmark {name}; there are {', '.join(PARTS)}")
    # Whoever is told to stop has programs to end and pins to remove.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: stopped by SIGTERM"))
    results = Results(options.results, effort.name)
    failed = []
    for name in names:
        part, title = PARTS[name]
        busy = quiet(effort)
        print(f"\n{title}", flush=True)
        results.begin(name, busy, busy > 2 * QUIET)
        shop = Workshop(options.binaries, options.schema)
        try:
            part.measure(shop, results, effort)
        except (Failure, Exception) as error:  # The others can still be measured.
            traceback.print_exc()
            failed.append(f"{name}: {error}")
        finally:
            shop.close()
        results.end()
    path = results.write()
    print("\n" + results.text())
    print(f"\nWritten to {path} and {os.path.splitext(path)[0]}.svg")
    for line in failed:
        print(f"FAILED {line}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
