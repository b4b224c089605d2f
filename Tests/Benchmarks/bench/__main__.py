"""Runs the benchmarks: python3 -m bench BINARIES SCHEMA RESULTS [--full] [--only a,b]"""

import argparse
import os
import sys
import traceback

from . import probes
from .fleet import Failure, Workshop
from .results import Results

PARTS = {"probes": probes}

def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("binaries", help="folder of the programs, built for release")
    parser.add_argument("schema", help="folder of the schema")
    parser.add_argument("results", help="folder for results.json and results.svg")
    parser.add_argument("--full", action="store_true", help="also what takes long")

    parser.add_argument("--only", help=f"comma-separated, of {', '.join(PARTS)}")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: attaching eBPF programs needs root. Run `sudo make bench`.")
    results = Results(options.results, options.full)
    machine = results.machine()
    failed = []
    for name in (options.only or ",".join(PARTS)).split(","):
        if name not in PARTS:
            sys.exit(f"error: there is no benchmark {name}; there are {', '.join(PARTS)}")
        shop = Workshop(options.binaries, options.schema)
        try:
            PARTS[name].measure(shop, results, options.full)
        except (Failure, Exception) as error:  # The others can still be measured.
            traceback.print_exc()
            failed.append(f"{name}: {error}")
        finally:
            shop.close()
    path = results.write(machine)
    print("\n" + results.text(machine))
    print(f"\nWritten to {path} and {os.path.splitext(path)[0]}.svg")
    for line in failed:
        print(f"FAILED {line}")
    sys.exit(1 if failed else 0)

if __name__ == "__main__":
    main()
