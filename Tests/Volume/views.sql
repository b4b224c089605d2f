-- Asks every view about one day, and notes what that cost. Creates schema `volume` in the database at hand.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA volume;

-- How each view is asked for a day: %1$L and %2$L are the day's beginning and end, %3$s and %4$s the heights of its blocks. A
-- condition of NULL asks for all of the view: those that show a state, or a window that ends now.
CREATE TABLE volume.question (name text PRIMARY KEY, condition text, may_be_empty bool NOT NULL DEFAULT false);
INSERT INTO volume.question (name, condition) VALUES
    ('peerscope.addr_coverage_curve', 'day = %1$L::date'),
    ('peerscope.addr_flood_candidates', '"from" >= %1$L AND "from" < %2$L'),
    ('peerscope.addr_propagation', 'episode_at >= %1$L AND episode_at < %2$L'),
    ('peerscope.addr_rate_limit', 'opened_at >= %1$L AND opened_at < %2$L'),
    ('peerscope.addr_relay_degree', 'day = %1$L::date'),
    ('peerscope.addr_relay_fanout', 'at >= %1$L AND at < %2$L'),
    ('peerscope.addr_self_announcements', 'at >= %1$L AND at < %2$L'),
    ('peerscope.addr_truth', 'day = %1$L::date'),
    ('peerscope.addr_unique_daily', 'day = %1$L::date'),
    ('peerscope.alert', 'opened_at >= %1$L AND opened_at < %2$L'),
    ('peerscope.blind_time', NULL),
    ('peerscope.block_arrival_skew', 'at >= %1$L AND at < %2$L'),
    ('peerscope.block_hop', 'at >= %1$L AND at < %2$L'),
    ('peerscope.block_pools', 'day = %1$L::date'),
    ('peerscope.block_propagation_daily', 'day = %1$L::date'),
    ('peerscope.block_stage_latency', 's0 >= %1$L AND s0 < %2$L'),
    ('peerscope.block_validation_benchmark', 'height BETWEEN %3$s AND %4$s'),
    ('peerscope.clock_audit', 'day = %1$L::date'),
    ('peerscope.compact_missing', 'at >= %1$L AND at < %2$L'),
    ('peerscope.compact_reconstruction', 'day = %1$L::date'),
    ('peerscope.connection_churn', 'hour >= %1$L AND hour < %2$L'),
    ('peerscope.eclipse_indicators', 'hour >= %1$L AND hour < %2$L'),
    ('peerscope.fleet_health', NULL),
    ('peerscope.mempool_divergence', 'at >= %1$L AND at < %2$L'),
    ('peerscope.mempool_rejects', 'hour >= %1$L AND hour < %2$L'),
    ('peerscope.missing_at_block', 'height BETWEEN %3$s AND %4$s'),
    ('peerscope.node_coverage', NULL),
    ('peerscope.peer_connection', 'opened_at >= %1$L AND opened_at < %2$L'),
    ('peerscope.peer_value', NULL),
    ('peerscope.public_days', NULL),
    ('peerscope.public_node', NULL),
    ('peerscope.reorganisations', 'at >= %1$L AND at < %2$L'),
    ('peerscope.retention_status', NULL),
    ('peerscope.run_span', NULL),
    ('peerscope.spy_candidates', NULL),
    ('peerscope.stale_blocks', 'day = %1$L::date'),
    ('peerscope.stream_audit', NULL),
    ('peerscope.tx_propagation', 't0 >= %1$L AND t0 < %2$L'),
    ('peerscope_public.addr_coverage_curve', 'day = %1$L::date'),
    ('peerscope_public.addr_episodes', 'day = %1$L::date'),
    ('peerscope_public.addr_truth', 'day = %1$L::date'),
    ('peerscope_public.addr_unique_daily', 'day = %1$L::date'),
    ('peerscope_public.block_arrivals', 'day = %1$L::date'),
    ('peerscope_public.block_pools', 'day = %1$L::date'),
    ('peerscope_public.block_propagation', 'day = %1$L::date'),
    ('peerscope_public.block_propagation_daily', 'day = %1$L::date'),
    ('peerscope_public.block_validation', 'height BETWEEN %3$s AND %4$s'),
    ('peerscope_public.compact_reconstruction', 'day = %1$L::date'),
    ('peerscope_public.connections_daily', 'day = %1$L::date'),
    ('peerscope_public.mempool_divergence', 'day = %1$L::date'),
    ('peerscope_public.mempool_rejects', 'hour >= %1$L AND hour < %2$L'),
    ('peerscope_public.missing_at_block', 'day = %1$L::date'),
    ('peerscope_public.peer_sessions', 'day = %1$L::date'),
    ('peerscope_public.peers_daily', 'day = %1$L::date'),
    ('peerscope_public.reorganisations', 'day = %1$L::date'),
    ('peerscope_public.stale_blocks', 'day = %1$L::date'),
    ('peerscope_public.tx_propagation', 'day = %1$L::date');

-- A view that nobody asks is not tested.
CREATE VIEW volume.unasked AS
SELECT n.nspname || '.' || c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('peerscope', 'peerscope_public') AND c.relkind IN ('v', 'm')
EXCEPT SELECT name FROM volume.question;
CREATE VIEW volume.unknown AS
SELECT name FROM volume.question WHERE to_regclass(name) IS NULL;

CREATE TABLE volume.answer (
    pass text, name text, rows bigint, buffers bigint, ms float8, planning_ms float8, scanned text,
    PRIMARY KEY (pass, name)
);

-- Asks each twice and notes the second time: what the first read is in memory then, and a test of the disk this is not.
CREATE PROCEDURE volume.ask(of_pass text, of_day date) LANGUAGE plpgsql AS $$
DECLARE
    question record;
    low      int;
    high     int;
    plan     jsonb;
    text_    text;
BEGIN
    SELECT min(height), max(height) INTO low, high
      FROM peerscope.block_header WHERE time >= of_day AND time < of_day + 1;
    FOR question IN SELECT * FROM volume.question q WHERE to_regclass(q.name) IS NOT NULL ORDER BY name LOOP
        text_ := 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM ' || question.name
                 || coalesce(' WHERE ' || format(question.condition, of_day::timestamp AT TIME ZONE 'UTC',
                                                 (of_day + 1)::timestamp AT TIME ZONE 'UTC', low, high), '');
        EXECUTE text_ INTO plan;
        EXECUTE text_ INTO plan;
        INSERT INTO volume.answer
        SELECT of_pass, question.name, (plan #>> '{0,Plan,Actual Rows}')::bigint,
               (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint,
               (plan #>> '{0,Execution Time}')::float8, (plan #>> '{0,Planning Time}')::float8,
               -- Sequential scans of event tables, and of whatever else is large.
               (SELECT string_agg(DISTINCT c.relname, ', ')
                  FROM jsonb_path_query(plan, 'strict $.** ? (@."Node Type" == "Seq Scan" && @."Actual Loops" > 0)') AS scan
                  JOIN pg_class c ON c.relname = scan ->> 'Relation Name' AND c.relnamespace = 'peerscope'::regnamespace
                 WHERE c.relispartition AND c.relpages > 0 OR c.reltuples >= 10000);
    END LOOP;
END $$;
