"""Rows a second from full spools over TLS into the database, against COPY of the same rows, and against what is usual."""

import json
import os
import pwd
import resource
import shutil
import time

from .agent import folder_bytes
from .fleet import Failure, free_port
from .results import Figure, median, spread

STREAMS = 8


def measure(shop, results, effort):
    database = shop.database("endtoend")
    ours = load(shop, results, effort, database, "plain")
    peers(shop, results, effort, database, ours)
    load(shop, results, effort, database, "mix")
    database.close()


def load(shop, results, effort, database, kind):
    """Median rows a second of `kind`."""
    events = {"plain": effort.pick(20_000, 4_000_000, 20_000_000), "mix": effort.pick(20_000, 1_600_000, 4_000_000)}[kind]
    rates, copies, ratios, spent = [], [], [], []
    for number in range(effort.pick(1, 3, 3)):
        name = f"{kind}{number}"
        conninfo = database.create(name)
        before = counts(database, conninfo)
        seconds, spooled, captured, used = send(shop, database, conninfo, kind, events)
        check(database, conninfo, events)
        after = counts(database, conninfo)
        grown = {table: after[table] for table in after if after[table] > before.get(table, 0)}
        rows = sum(grown.values())
        sizes = disk(database, conninfo, grown)
        payload = captured["payloads"]
        copying, copy_used = copy(shop, database, conninfo, grown)
        spent.append([value / rows * 1e9 for value in used + copy_used])
        database.sql(f"DROP DATABASE {name}")
        rates.append(rows / seconds)
        copies.append(rows / copying)
        ratios.append(copying / seconds)
    title = {"plain": "plain messages", "mix": "the captures' mix"}[kind]
    reach = {"plain": 0.8, "mix": 0.5}[kind]
    results.add(
        Figure(f"rows/s committed end to end, {title}", median(rates), "/s", spread(rates), median(copies), "COPY BINARY", median(ratios),
               f"≥ {reach} ×", median(ratios) >= reach,
               f"{events} events of {STREAMS} streams, {rows} rows in {len(grown)} tables; from the agent's start to the last commit. "
               f"CPU per row: {processors(spent)}"))
    wire, whole = spooled / events, payload + captured["hashes"]
    results.add(
        Figure(f"bytes in a batch per event, {title}", wire, "B", None, payload / events, "payload", wire / (payload / events),
               "≤ payload + 24 B", wire <= payload / events + 24, "as on the wire; TLS adds 0.14 %"))
    if kind == "mix":
        results.add(
            Figure("the same, hashes counted as captured", wire, "B", None, whole / events,
                   "payload and hashes", wire / (whole / events), "≤ captured + 24 B", wire <= whole / events + 24,
                   "transaction ids and block hashes of 32 bytes, which is what mempool, coins and validation events tell"))
    results.add(
        Figure(f"bytes in the database per event, {title}", sizes / events, "B", None, payload / events, "payload",
               sizes / payload, "≤ 2 ×", sizes <= 2 * payload, "all tables and indexes"))
    return median(rates)


def processors(spent):
    """Where the time goes, in words."""
    agent, aggregator, server, psql, backend = (median(values) for values in zip(*spent))
    return (f"agent {agent:.0f} ns, aggregator {aggregator:.0f} ns, PostgreSQL {server:.0f} ns; "
            f"for COPY psql {psql:.0f} ns, PostgreSQL {backend:.0f} ns")


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def send(shop, database, conninfo, kind, events):
    """A real agent sends full spools to a real aggregator. (seconds until the last commit, bytes spooled, bytes captured, CPU seconds of each)"""
    aggregator = shop.aggregator(conninfo)
    config = shop.agent("bench-load", aggregator.address, [f"load{stream}" for stream in range(STREAMS)])
    state = os.path.join(os.path.dirname(config), "state")
    capture = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Fixtures", "captures", "regtest6.jsonl.gz")
    captured = json.loads(shop.run([shop.program("peerscope-load"), "spool", "--state", state, "--streams", str(STREAMS), "--events", str(events),
              *(["--capture", capture] if kind == "mix" else [])], "spool"))
    owner = pwd.getpwnam("nobody").pw_uid
    for path, _, files in os.walk(state):
        for entry in [path] + [os.path.join(path, file) for file in files]:
            os.chown(entry, owner, -1)
    spooled = sum(folder_bytes(f"{state}/nodes/load{stream}/spool") for stream in range(STREAMS))
    database.psql("-c", "CHECKPOINT", conninfo=conninfo)
    server, agent = database.cpu_seconds(), children_seconds()
    began = time.time()
    shop.run([shop.program("peerscope-agent"), "run", "--config", config, "--capture", state + ".jsonl", "--exit-when-done"], "send")
    used = (children_seconds() - agent, sum(aggregator.cpu_seconds()), database.cpu_seconds() - server)
    shop.stop(aggregator)
    shutil.rmtree(os.path.dirname(config))
    ended = float(database.psql("-c", "SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM peerscope.stream", conninfo=conninfo))
    return ended - began, spooled, captured, used


def check(database, conninfo, events):
    """Every event has to be there, and nothing unexplained."""
    stored, unexplained = database.psql(
        "-c", "SELECT (SELECT sum(stored) FROM peerscope.stream_tracepoint) || '|' || (SELECT coalesce(sum(unexplained), 0) FROM peerscope.stream_audit)",
        conninfo=conninfo).split("|")
    # The event of each node's capture comes on top.
    if int(stored) - events // STREAMS * STREAMS not in (0, STREAMS) or int(unexplained):
        raise Failure(f"{events} events were spooled, but {stored} stored and {unexplained} are unexplained")


def counts(database, conninfo):
    """Rows of each table of the schema; of leaves where it is partitioned."""
    tables = database.psql(
        "-c", "SELECT 'peerscope.' || relname FROM pg_class WHERE relnamespace = 'peerscope'::regnamespace AND relkind = 'r'", conninfo=conninfo).split()
    query = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
    return {line.split("|")[0]: int(line.split("|")[1]) for line in database.psql("-c", query, conninfo=conninfo).splitlines()}


def disk(database, conninfo, tables):
    return float(database.psql("-c", "SELECT " + " + ".join(f"pg_total_relation_size('{table}')" for table in tables), conninfo=conninfo))


def copy(shop, database, conninfo, tables):
    """(seconds, CPU seconds of psql and of the server) that it takes psql to load the rows of `tables` into fresh ones of the same structure, in one transaction."""
    folder = shop.path("rows")
    os.makedirs(folder, exist_ok=True)
    database.psql("-c", "CREATE SCHEMA twin", conninfo=conninfo)
    loads = []
    for table in tables:
        leaf = table.split(".")[1]
        database.psql("-c", f"CREATE TABLE twin.{leaf} (LIKE {table} INCLUDING ALL)", conninfo=conninfo)
        # Generated columns cannot be loaded; the server makes them again.
        columns = database.psql(
            "-c", f"SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '{table}'::regclass "
            "AND attnum > 0 AND NOT attisdropped AND attgenerated = ''", conninfo=conninfo)
        database.psql("-c", f"\\copy {table} ({columns}) TO '{folder}/{leaf}' WITH (FORMAT binary)", conninfo=conninfo)
        loads += ["-c", f"\\copy twin.{leaf} ({columns}) FROM '{folder}/{leaf}' WITH (FORMAT binary)"]
    database.psql("-c", "CHECKPOINT", conninfo=conninfo)
    server, psql = database.cpu_seconds(), children_seconds()
    began = time.monotonic()
    database.psql("-1", *loads, conninfo=conninfo)
    took = time.monotonic() - began
    used = (children_seconds() - psql, database.cpu_seconds() - server)
    shutil.rmtree(folder)
    return took, used


def peers(shop, results, effort, database, ours):
    """What a user would write: JSON lines over TCP, and an INSERT for each or COPY in text."""
    database.sql("CREATE SCHEMA peer")
    for kind, title, events in (("insert", "an INSERT for each event", effort.pick(200, 10_000, 40_000)),
                                ("copy", "JSON over TCP, COPY in text", effort.pick(20_000, 1_000_000, 10_000_000))):
        found = []
        for _ in range(effort.pick(1, 3, 3)):
            database.sql("DROP TABLE IF EXISTS peer.message")
            database.sql("CREATE TABLE peer.message (LIKE peerscope.p2p_message INCLUDING ALL)")
            database.sql("CHECKPOINT")
            port = str(free_port())
            collector = shop.start([shop.program("peerscope-peers"), kind, database.conninfo, "peer.message", port], kind)
            collector.await_text("listening")
            shop.run([shop.program("peerscope-peers"), "send", "127.0.0.1", port, str(events)], "send")
            collector.wait()
            shop.stop(collector)
            done = json.loads(collector.text().splitlines()[-1])
            if done["rows"] != events or database.number("SELECT count(*) FROM peer.message") != events:
                raise Failure(f"{kind}: {events} events were sent, but {done['rows']} stored")
            found.append(done["rows"] / done["seconds"])
        results.add(Figure(f"rows/s of {title}", median(found), "/s", spread(found), ours, "Peerscope", median(found) / ours,
                           note="the same columns and index; one stream, no rollups, no acknowledgement, no TLS"))
    database.sql("DROP SCHEMA peer CASCADE")
