"""Every view asked for a day of ten nodes, with a few million events or many in the database."""

import os
import shutil
import time

from .fleet import Failure
from .results import Figure

#: Events, and the scale of Tests/Volume's mainnet day that makes them in ten days of ten nodes.
SCALES = {1_000_000: 0.00065, 10_000_000: 0.0065, 30_000_000: 0.0195, 100_000_000: 0.065}
#: Bytes of disk that an event takes while it is made, write-ahead log included.
BYTES = 400

#: Some views are asked by the heights of the day's blocks.
BLOCK = ("INSERT INTO peerscope.block_header (hash, prev_hash, height, time) "
         "VALUES (sha256('block'), sha256('before'), 1, current_date)")


def measure(shop, results, effort):
    volume = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Volume")
    rows = []
    for events in effort.pick([0], [1_000_000], [1_000_000, 10_000_000, 100_000_000]):
        if shutil.disk_usage(shop.folder).free < events * BYTES:
            print(f"  {events:,} events need {events * BYTES / 1e9:.0f} GB of disk, which are not there: 30 million instead", flush=True)
            events = 30_000_000
        database = shop.database(f"views{events}")
        began = time.monotonic()
        if events:
            database.psql("-v", f"scale={SCALES[events]}", "-f", f"{volume}/ten_million.sql", seconds=36_000)
        else:  # Making days takes longer than a smoke run may, and VolumeTests do it.
            database.psql("-f", f"{volume}/views.sql", "-c", BLOCK, "-c", "CALL volume.ask('five days', current_date)",
                          "-c", "CALL volume.ask('ten days', current_date)")
        took = time.monotonic() - began
        made = database.number("SELECT sum(rows) FROM peerscope.retention_status WHERE partitions IS NOT NULL")
        size = database.number("SELECT pg_database_size(current_database())") / 2**30
        answers = [line.split("|") for line in database.sql(
            "SELECT b.name, b.rows, a.ms, b.ms, a.buffers, b.buffers FROM volume.answer a JOIN volume.answer b USING (name) "
            "WHERE a.pass = 'five days' AND b.pass = 'ten days' ORDER BY b.ms DESC").splitlines()]
        if not answers:
            raise Failure("no view was asked")
        slow = [a for a in answers if float(a[3]) > 100]
        name, _, _, worst = answers[0][:4]
        millions = f"{events / 1e6:g} million events"
        note = f"{name} of {len(answers)} views; {len(slow)} over 100 ms; {made:,.0f} events, {size:.1f} GiB, made in {took:.0f} s".replace(",", " ")
        five, ten = sum(float(a[4]) for a in answers), sum(float(a[5]) for a in answers)
        results.add(
            Figure(f"slowest view, a day of ten nodes, {millions}", float(worst), "ms", None, 100, "goal", float(worst) / 100, "≤ 100 ms",
                   float(worst) <= 100, note),
            Figure(f"pages read by all views, ten days against five, {millions}", ten, "pages", None, five, "five days", ten / five,
                   "flat in total size", ten / five <= 1.2))
        rows += [[millions, a[0], int(a[1]), float(a[2]), float(a[3]), int(a[4]), int(a[5])] for a in answers[:12]]
        database.close()
        shutil.rmtree(database.folder)
    results.table("The slowest views, asked for one day", ["of", "view", "rows", "ms, 5 days", "ms, 10 days", "pages, 5 days", "pages, 10 days"], rows)
