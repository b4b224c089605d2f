"""How many events an agent captures, and what one costs as more and more are offered, past what it can carry."""

import time

from .agent import PAYLOAD, Watch
from .fleet import Failure, free_port
from .results import Figure

SOURCES = 3  # Stand-ins that fire at once when as many as possible are wanted.


def measure(shop, results, effort):
    rates = effort.pick([1000, 20_000, 0], [1000, 10_000, 100_000, 200_000, 300_000, 400_000, 0],
                        [1000, 10_000, 100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 0])
    seconds = effort.pick(1, 3, 10)
    standin, port = shop.standin(), free_port()
    nodes = [f"r{rate}" for rate in rates if rate] + [f"most{index}" for index in range(SOURCES)]
    # The aggregator is away: on another machine it would not take the agent's processors.
    config = shop.agent("bench-rate", f"127.0.0.1:{port}", nodes, standin)
    attacher, streamer = shop.attach(config), shop.stream(config)
    steps = []
    for rate in rates:
        fired_by = [f"r{rate}"] if rate else nodes[-SOURCES:]
        watch = Watch(streamer)
        began = time.monotonic()
        programs = [
            shop.fire(standin, shop.one_event(PAYLOAD, node), node, (rate or 400_000) * seconds, rate, shop.pid_file(config, node))
            for node in fired_by]
        summaries = [shop.fired(program) for program in programs]
        time.sleep(0.5)  # The ring is emptied, the batches are spooled.
        user, system = watch.spent()
        fired = sum(s["fired"] for s in summaries)
        first, last = min(s["first_mono_ns"] for s in summaries), max(s["last_mono_ns"] for s in summaries)
        probe = sum(s["cpu_ns"] for s in summaries) / fired
        steps.append((rate, fired_by, fired, fired / ((last - first) / 1e9), user, system, probe, time.monotonic() - began))
    database = shop.database("rate")
    aggregator = shop.aggregator(database, listen=f"127.0.0.1:{port}")
    total = sum(step[2] for step in steps)
    database.await_hits(total, seconds=240)
    lost_by, hits_by = {}, {}
    for line in database.sql(
            "SELECT n.name, sum(hits), sum(lost_ring + lost_unreadable + lost_user + lost_spool + lost_quarantine) "
            "FROM peerscope.stream_tracepoint JOIN peerscope.node n USING (node_id) WHERE tracepoint LIKE 'net:%' GROUP BY 1").splitlines():
        name, hits, lost = line.split("|")
        hits_by[name], lost_by[name] = int(hits), int(lost)
    shop.stop(streamer, attacher, aggregator)
    database.close()
    rows, carried, costs = [], 0, []
    for rate, fired_by, fired, offered, user, system, probe, _ in steps:
        if sum(hits_by[node] for node in fired_by) != fired:
            raise Failure(f"{fired} events were fired, but {sum(hits_by[node] for node in fired_by)} seen")
        lost = sum(lost_by[node] for node in fired_by)
        kept = fired - lost
        if not lost:
            carried = max(carried, offered)
        costs.append((offered, user / kept * 1e9, system / kept * 1e9, lost))
        rows.append([round(offered), round(kept / fired * offered), lost, round(user / kept * 1e9), round(system / kept * 1e9), round(probe)])
    reach = 300_000
    results.add(Figure("events/s captured without loss by one agent", carried, "/s", None, reach, "goal", carried / reach, "≥ 300 000",
                       carried >= reach * 0.99,
                       f"{SOURCES} stand-ins that fire as fast as they can share the processors with the agent; the aggregator is away"))
    # Below that, polling for few events outweighs them.
    within = [c[1] + c[2] for c in costs if c[0] > 50_000]
    if within:
        past = costs[-1][1] + costs[-1][2]
        flat = costs[[c[0] > 50_000 for c in costs].index(True)]
        ratio = past / (flat[1] + flat[2])
        results.add(Figure(
            "growth: agent CPU per event past saturation", past, "ns", (min(within), max(within)), flat[1] + flat[2],
            f"at {round(flat[0], -3):,.0f}/s".replace(",", " "), ratio, "flat, loss declared", ratio <= 1.5,
            "user and kernel; every hit that was not stored is declared as lost"))
    results.table("What an event costs the agent, by events offered",
                  ["offered/s", "captured/s", "lost, all declared", "user ns", "kernel ns", "node ns/hit"], rows)
