"""From the probe's hit until the row is visible: the time of the row's commit less the time of the hit, on one host's clock."""

from .fleet import Failure
from .results import Figure


def measure(shop, results, effort):
    standin = shop.standin()
    database = shop.database("latency")
    aggregator = shop.aggregator(database)
    rates = effort.pick([1000], [1000, 20_000], [1000, 20_000])
    seconds = effort.pick(2, 11, 61)
    nodes = [f"lat{rate}" for rate in rates]
    config = shop.agent("bench-latency", aggregator.address, nodes, standin)
    attacher, streamer = shop.attach(config), shop.stream(config)
    fired = 0
    for rate, node in zip(rates, nodes):
        fire = shop.fire(standin, shop.one_event(37, node), node, rate * seconds, rate, shop.pid_file(config, node))
        fired += shop.fired(fire)["fired"]
        hits, _, lost = database.await_hits(fired)
        if hits != fired:
            raise Failure(f"{fired} events were fired, but {hits} seen")
        p50, p99, most = percentiles(database, node)
        at = f"at {rate:,} events/s".replace(",", " ")
        results.add(
            Figure(f"hit to visible row {at}, p50", p50, "ms", None, 100, "batch interval", p50 / 100),
            Figure(f"hit to visible row {at}, p99", p99, "ms", None, 100, "batch interval", p99 / 100, "≤ 300 ms", p99 <= 300,
                   f"the slowest of {rate * seconds}: {most:.0f} ms; {lost} lost"))
    shop.stop(streamer, attacher, aggregator)
    database.close()


def percentiles(database, pattern, warm=1):
    """p50, p99 and most milliseconds of the messages of nodes LIKE `pattern`, from `warm` seconds after the first.

    A node's first events wait until the attacher has told whose they are.
    """
    line = database.sql(
        f"WITH message AS (SELECT m.ts, pg_xact_commit_timestamp(m.xmin) AS at FROM peerscope.p2p_message m "
        f"JOIN peerscope.node n USING (node_id) WHERE n.name LIKE '{pattern}') "
        "SELECT percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY extract(epoch FROM at - ts) * 1000) "
        f"FROM message WHERE ts > (SELECT min(ts) FROM message) + interval '{warm} s'")
    return [float(word) for word in line.strip("{}").split(",")]
