"""A thousand agents on one aggregator."""

import json

from .fleet import Failure
from .latency import percentiles
from .results import Figure


def measure(shop, results, effort):
    idle, busy, busy_rate, seconds = effort.pick((20, 5, 50, 3), (800, 200, 50, 28), (800, 200, 50, 68))
    warm = effort.pick(1, 8, 8)  # All nodes begin in the same second, each with two dozen rows of its own.
    database = shop.database("fleet")
    aggregator = shop.aggregator(database)
    done = json.loads(shop.run(
        [shop.program("peerscope-load"), "agents", "--data-dir", shop.path("aggregator"), "--aggregator", aggregator.address,
         "--idle", str(idle), "--busy", str(busy), "--busy-rate", str(busy_rate), "--seconds", str(seconds)], "agents").splitlines()[-1])
    peak = aggregator.peak_bytes() / 2**20
    user, system = aggregator.cpu_seconds()
    hits, stored, lost = database.accounts()
    if stored != done["events"] or hits != stored or lost:
        raise Failure(f"{done['events']} events were sent, but {hits} seen, {stored} stored and {lost} lost")
    p50, p99, most = percentiles(database, "fleet%", warm)
    beginning = percentiles(database, "fleet%", 0)[2]
    shop.stop(aggregator)
    database.close()
    who = f"{idle} agents with 1 event/s and {busy} with {busy_rate}"
    note = (f"{done['events']} events in {done['batches']} batches over {seconds} s; TLS with a certificate each, all connected in "
            f"{done['connecting_seconds']:.1f} s; aggregator CPU {(user + system) / (done['connecting_seconds'] + seconds):.2f} processors")
    results.add(
        Figure(f"{who}: aggregator memory", peak, "MiB", None, 600, "budget", peak / 600, "≤ 600 MiB", peak <= 600, note),
        Figure(f"{who}: p50", p50, "ms", None, 100, "batch interval", p50 / 100),
        Figure(f"{who}: p99", p99, "ms", None, 100, "batch interval", p99 / 100, "≤ 1 000 ms", p99 <= 1000, 
               f"the slowest {most:.0f} ms; from {warm} s on. While all began at once it was {beginning:.0f} ms"))
