-- The digest's part 'coverage': where the fleet was looking, which peers are nodes of its own, and whether its clocks hold.

-- An end of a span has no clock segment of its own: the one that its time falls into corrects it, before the first and
-- behind the last one the nearest.
CREATE OR REPLACE FUNCTION peerscope.store_coverage(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since timestamptz := (of_day - 1)::timestamp AT TIME ZONE 'UTC';
    until timestamptz := (of_day + 2)::timestamp AT TIME ZONE 'UTC';
BEGIN
    WITH run AS (
        -- A process whose end nobody saw was over when the next one began, and perhaps long before.
        SELECT r.node_id, r.run_id, r.started_at, (r.node_clock_lo_s + r.node_clock_hi_s) / 2 AS clock_s,
               least(coalesce(e.ended_at, s.last_event_at),
                     lead(r.started_at) OVER (PARTITION BY r.node_id ORDER BY r.started_at, r.run_id)) AS ended_at
          FROM process_run r
          LEFT JOIN run_span e ON e.node_id = r.node_id AND e.run_id = r.run_id
          LEFT JOIN (SELECT node_id, max(last_event_at) AS last_event_at FROM stream GROUP BY node_id) s
            ON s.node_id = r.node_id
    ),
    -- What each process connected first around the day, and which block was the first not to be old by its own clock. The
    -- headers that may be new by anybody's clock are few, where an initial download connects many.
    first AS (
        SELECT c.node_id, c.run_id, min(c.ts) AS ts
          FROM block_connected c WHERE c.ts >= since AND c.ts < until
         GROUP BY c.node_id, c.run_id
    ),
    judged AS (
        SELECT c.node_id, c.run_id, c.ts, coalesce(is_download(c.ts, coalesce(r.clock_s, 0), h.time), false) AS old
          FROM first f
          JOIN block_connected c ON c.node_id = f.node_id AND c.run_id = f.run_id AND c.ts = f.ts
          LEFT JOIN block_header h ON h.hash = c.hash
          LEFT JOIN run r ON r.node_id = c.node_id AND r.run_id = c.run_id
         WHERE c.ts >= since AND c.ts < until
        UNION ALL
        SELECT c.node_id, c.run_id, c.ts, is_download(c.ts, coalesce(r.clock_s, 0), h.time)
          FROM block_header h
          JOIN block_connected c ON c.hash = h.hash
          LEFT JOIN run r ON r.node_id = c.node_id AND r.run_id = c.run_id
         WHERE h.time >= since + (SELECT least(min(clock_s), 0) FROM run) * interval '1 second' - interval '24 hours'
           AND c.ts >= since AND c.ts < until
    ),
    download AS (
        SELECT node_id, run_id, min(ts) FILTER (WHERE old) AS first_old, min(ts) FILTER (WHERE NOT old) AS first_new
          FROM judged GROUP BY node_id, run_id
    ),
    span AS (
        SELECT i.node_id, i.tracepoint, i.valid_from AS from_ts, coalesce(i.valid_to, r.ended_at) AS to_ts
          FROM capture_interval i
          LEFT JOIN run r ON r.node_id = i.node_id AND r.run_id = i.run_id
         WHERE (i.valid_to IS NULL OR i.valid_to > since - interval '1 day')
           AND i.valid_from < until + interval '1 day'
        UNION ALL
        SELECT d.node_id, NULL, coalesce(r.started_at, since - interval '1 day'),
               coalesce(d.first_new, r.ended_at, until)
          FROM download d
          LEFT JOIN run r ON r.node_id = d.node_id AND r.run_id = d.run_id
         WHERE d.first_old < coalesce(d.first_new, 'infinity')
    ),
    ends AS (
        SELECT DISTINCT node_id, ts FROM span, unnest(ARRAY[from_ts, to_ts]) AS u (ts) WHERE ts IS NOT NULL
    ),
    segment AS MATERIALIZED (
        SELECT node_id, clk, valid_from, corr_ns
          FROM clock_segment WHERE valid_from >= since - interval '1 hour' AND valid_from < until
    ),
    within AS (
        SELECT DISTINCT ON (e.node_id, e.ts) e.node_id, e.ts, s.corr_ns
          FROM ends e
          JOIN segment s ON s.node_id = e.node_id
           AND s.valid_from > e.ts - interval '1 hour' AND s.valid_from <= e.ts
         ORDER BY e.node_id, e.ts, s.valid_from DESC, s.clk DESC
    ),
    edge AS (
        SELECT node_id, min(valid_from) AS first_from, max(valid_from) AS last_from FROM segment GROUP BY node_id
    ),
    nearest AS (
        SELECT e.node_id, e.first_from, min(s.corr_ns) FILTER (WHERE s.valid_from = e.first_from) AS first_ns,
               min(s.corr_ns) FILTER (WHERE s.valid_from = e.last_from) AS last_ns
          FROM edge e JOIN segment s ON s.node_id = e.node_id AND s.valid_from IN (e.first_from, e.last_from)
         GROUP BY e.node_id, e.first_from
    ),
    correction AS (
        SELECT e.node_id, e.ts,
               corrected(e.ts, coalesce(w.corr_ns, CASE WHEN e.ts < n.first_from THEN n.first_ns ELSE n.last_ns END))
                   AS at
          FROM ends e
          LEFT JOIN within w USING (node_id, ts)
          LEFT JOIN nearest n USING (node_id)
    ),
    ranged AS (
        SELECT s.node_id, s.tracepoint,
               range_agg(tstzrange(greatest(f.at, since), least(t.at, until)))
                   FILTER (WHERE greatest(f.at, since) < least(t.at, until)) AS covered
          FROM span s
          JOIN correction f ON f.node_id = s.node_id AND f.ts = s.from_ts
          JOIN correction t ON t.node_id = s.node_id AND t.ts = s.to_ts
         GROUP BY s.node_id, s.tracepoint
    ),
    told AS (
        SELECT c.node_id, c.tracepoint, d.downloading, unnest(d.covered) AS span
          FROM ranged c
          LEFT JOIN ranged l ON l.node_id = c.node_id AND l.tracepoint IS NULL
         CROSS JOIN LATERAL (VALUES (false, c.covered - coalesce(l.covered, '{}')),
                                    (true, c.covered * coalesce(l.covered, '{}'))) AS d (downloading, covered)
         WHERE c.tracepoint IS NOT NULL
    ),
    -- Spans that lie in a neighbour day alone are that day's.
    wanted AS MATERIALIZED (
        SELECT of_day AS day, node_id, tracepoint, lower(span) AS covered_from, upper(span) AS covered_to, downloading
          FROM told
         WHERE span && tstzrange(since + interval '1 day', until - interval '1 day')
    ),
    gone AS (
        DELETE FROM coverage_span
         WHERE day = of_day
           AND (node_id, tracepoint, covered_from) NOT IN (SELECT node_id, tracepoint, covered_from FROM wanted)
    )
    INSERT INTO coverage_span AS n (day, node_id, tracepoint, covered_from, covered_to, downloading)
    SELECT day, node_id, tracepoint, covered_from, covered_to, downloading FROM wanted
    ON CONFLICT (day, node_id, tracepoint, covered_from) DO UPDATE
       SET covered_to = excluded.covered_to, downloading = excluded.downloading
     WHERE (n.covered_to, n.downloading) IS DISTINCT FROM (excluded.covered_to, excluded.downloading);
END
$$;
COMMENT ON FUNCTION peerscope.store_coverage(date) IS
    'Stores coverage_span of a UTC day anew, from capture_interval, process_run, clock_segment and the blocks connected around the day.';

-- A connection has two version messages, one each way. Either nonce alone may have been copied by a peer that
-- talks to two nodes of ours; both at once only by one that stands between them.
CREATE OR REPLACE FUNCTION peerscope.store_fleet_link(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
BEGIN
    WITH linked AS (
        SELECT a.node_id, a.run_id, a.peer_id, b.node_id AS other_node_id, b.run_id AS other_run_id,
               b.peer_id AS other_peer_id, (least(a.opened_at, b.opened_at) AT TIME ZONE 'UTC')::date AS day
          FROM peer_session a
          JOIN peer_session b
            ON b.peer_nonce = a.own_nonce AND b.own_nonce = a.peer_nonce AND b.node_id <> a.node_id
           AND b.inbound IS DISTINCT FROM a.inbound
         WHERE a.opened_at >= since AND a.opened_at < since + interval '2 days'
           AND a.own_nonce <> 0 AND a.peer_nonce <> 0
    ),
    wanted AS MATERIALIZED (
        SELECT DISTINCT ON (node_id, run_id, peer_id) *
          FROM linked WHERE day = of_day
         ORDER BY node_id, run_id, peer_id, other_node_id, other_run_id, other_peer_id
    ),
    gone AS (
        DELETE FROM fleet_link
         WHERE day = of_day AND known_by = 'version'
           AND (node_id, run_id, peer_id) NOT IN (SELECT node_id, run_id, peer_id FROM wanted)
    )
    INSERT INTO fleet_link AS f
           (node_id, run_id, peer_id, other_node_id, other_run_id, other_peer_id, day, known_by)
    SELECT node_id, run_id, peer_id, other_node_id, other_run_id, other_peer_id, day, 'version' FROM wanted
    ON CONFLICT (node_id, run_id, peer_id) DO UPDATE
       SET other_node_id = excluded.other_node_id, other_run_id = excluded.other_run_id,
           other_peer_id = excluded.other_peer_id, day = excluded.day, known_by = excluded.known_by
     WHERE (f.other_node_id, f.other_run_id, f.other_peer_id, f.day, f.known_by) IS DISTINCT FROM
           (excluded.other_node_id, excluded.other_run_id, excluded.other_peer_id, excluded.day, excluded.known_by);
END
$$;
COMMENT ON FUNCTION peerscope.store_fleet_link(date) IS
    'Stores anew the links that the version messages of a UTC day tell of, in fleet_link.';

-- Only ping: its nonce is random and made by the sender, so nobody can deliver it early. A pong's nonce is known to
-- the other side beforehand. But a peer of two nodes may pass a nonce on: where the version messages of the two
-- sessions are known and do not belong together, or a session would be a link to several, there is no link.
CREATE OR REPLACE FUNCTION peerscope.store_clock_audit(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since  timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until  timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    -- The clock that is to be audited may be hours off.
    margin interval := clock_margin(of_day);
    common bigint[];
BEGIN
    -- Of millions of nonces those that two nodes saw are few: found in one pass, then fetched by index. A join of all
    -- with all is at the mercy of what the planner knows of a day that has just begun. Sessions whose version messages
    -- were captured and made no link are left out first.
    SELECT coalesce(array_agg(nonce), '{}') INTO common
      FROM (SELECT nonce FROM ping_event
             WHERE msg_type = 'ping' AND nonce <> 0
               AND ts >= since - margin AND ts < until + margin
               AND (node_id, run_id, peer_id) NOT IN (
                   SELECT s.node_id, s.run_id, s.peer_id
                     FROM peer_session s
                     LEFT JOIN fleet_link f USING (node_id, run_id, peer_id)
                    WHERE (s.closed_at IS NULL OR s.closed_at >= since - margin)
                      AND s.opened_at < until + margin
                      AND s.own_nonce <> 0 AND s.peer_nonce <> 0 AND f.node_id IS NULL)
             GROUP BY nonce
            HAVING min(node_id) <> max(node_id) AND bool_or(inbound) AND NOT bool_and(inbound)) n;

    WITH matched AS MATERIALIZED (
        SELECT o.node_id AS from_node_id, o.run_id AS from_run_id, o.peer_id AS from_peer_id, o.clk AS from_clk,
               i.node_id AS to_node_id, i.run_id AS to_run_id, i.peer_id AS to_peer_id, i.clk AS to_clk,
               o.ts AS sent_at, i.ts AS taken_up_at, o.nonce
          FROM ping_event o
          JOIN ping_event i ON i.nonce = o.nonce AND i.node_id <> o.node_id
         WHERE o.nonce = ANY (common) AND o.msg_type = 'ping' AND NOT o.inbound AND o.ts >= since AND o.ts < until
           AND i.nonce = ANY (common) AND i.msg_type = 'ping' AND i.inbound
           AND i.ts >= since - margin AND i.ts < until + margin
    ),
    pair AS (
        SELECT from_node_id, from_run_id, from_peer_id, to_node_id, to_run_id, to_peer_id,
               count(*) OVER (PARTITION BY from_node_id, from_run_id, from_peer_id) AS ways_out,
               count(*) OVER (PARTITION BY to_node_id, to_run_id, to_peer_id) AS ways_in
          FROM (SELECT DISTINCT from_node_id, from_run_id, from_peer_id, to_node_id, to_run_id, to_peer_id
                  FROM matched) p
    ),
    link AS MATERIALIZED (
        SELECT p.*, f.known_by
          FROM pair p
          LEFT JOIN fleet_link f
            ON (f.node_id, f.run_id, f.peer_id) = (p.from_node_id, p.from_run_id, p.from_peer_id)
           AND (f.other_node_id, f.other_run_id, f.other_peer_id) = (p.to_node_id, p.to_run_id, p.to_peer_id)
          LEFT JOIN peer_session a
            ON (a.node_id, a.run_id, a.peer_id) = (p.from_node_id, p.from_run_id, p.from_peer_id)
          LEFT JOIN peer_session b
            ON (b.node_id, b.run_id, b.peer_id) = (p.to_node_id, p.to_run_id, p.to_peer_id)
         WHERE f.known_by = 'version'
            OR p.ways_out = 1 AND p.ways_in = 1
           AND coalesce(a.own_nonce = b.peer_nonce, true) AND coalesce(b.own_nonce = a.peer_nonce, true)
           AND coalesce(a.inbound <> b.inbound, true)
    ),
    known AS MATERIALIZED (
        SELECT from_node_id AS node_id, from_run_id AS run_id, from_peer_id AS peer_id,
               to_node_id AS other_node_id, to_run_id AS other_run_id, to_peer_id AS other_peer_id
          FROM link WHERE known_by IS DISTINCT FROM 'version'
        UNION
        SELECT to_node_id, to_run_id, to_peer_id, from_node_id, from_run_id, from_peer_id
          FROM link WHERE known_by IS DISTINCT FROM 'version'
    ),
    unlinked AS (
        DELETE FROM fleet_link
         WHERE day = of_day AND known_by = 'ping'
           AND (node_id, run_id, peer_id) NOT IN (SELECT node_id, run_id, peer_id FROM known)
    ),
    linked AS (
        INSERT INTO fleet_link AS f
               (node_id, run_id, peer_id, other_node_id, other_run_id, other_peer_id, day, known_by)
        SELECT DISTINCT ON (node_id, run_id, peer_id)
               node_id, run_id, peer_id, other_node_id, other_run_id, other_peer_id, of_day, 'ping'
          FROM known ORDER BY node_id, run_id, peer_id, other_node_id, other_run_id, other_peer_id
        ON CONFLICT (node_id, run_id, peer_id) DO UPDATE SET day = excluded.day
         WHERE f.known_by = 'ping' AND excluded.day < f.day
    ),
    wanted AS MATERIALIZED (
        SELECT m.from_node_id, m.from_run_id, m.from_peer_id, m.to_node_id, m.to_run_id, m.to_peer_id,
               m.sent_at, min(m.taken_up_at) AS taken_up_at, m.nonce,
               -- A nonce repeated by its receiver's peer can only come later: the first arrival counts.
               min(unix_us(m.taken_up_at) * 1000 + t.corr_ns - unix_us(m.sent_at) * 1000 - f.corr_ns) AS delay_ns,
               max(t.eps_ns + f.eps_ns
                   + CASE WHEN t.reference IS DISTINCT FROM f.reference
                          THEN t.ref_maxerror_ns + f.ref_maxerror_ns ELSE 0 END) AS error_ns
          FROM matched m
          JOIN link l USING (from_node_id, from_run_id, from_peer_id, to_node_id, to_run_id, to_peer_id)
          LEFT JOIN clock_segment f ON f.node_id = m.from_node_id AND f.clk = m.from_clk
          LEFT JOIN clock_segment t ON t.node_id = m.to_node_id AND t.clk = m.to_clk
         GROUP BY m.from_node_id, m.from_run_id, m.from_peer_id, m.to_node_id, m.to_run_id, m.to_peer_id, m.sent_at,
                  m.nonce
    ),
    gone AS (
        DELETE FROM clock_audit_sample
         WHERE day = of_day
           AND (from_node_id, from_run_id, from_peer_id, nonce, sent_at)
               NOT IN (SELECT from_node_id, from_run_id, from_peer_id, nonce, sent_at FROM wanted)
    )
    INSERT INTO clock_audit_sample AS s
           (from_node_id, from_run_id, from_peer_id, to_node_id, to_run_id, to_peer_id, sent_at, taken_up_at, nonce,
            delay_ns, error_ns, day)
    SELECT from_node_id, from_run_id, from_peer_id, to_node_id, to_run_id, to_peer_id, sent_at, taken_up_at, nonce,
           delay_ns, error_ns, of_day
      FROM wanted
    ON CONFLICT (from_node_id, from_run_id, from_peer_id, nonce, sent_at) DO UPDATE
       SET to_node_id = excluded.to_node_id, to_run_id = excluded.to_run_id, to_peer_id = excluded.to_peer_id,
           taken_up_at = excluded.taken_up_at, delay_ns = excluded.delay_ns, error_ns = excluded.error_ns
     WHERE (s.to_node_id, s.to_run_id, s.to_peer_id, s.taken_up_at, s.delay_ns, s.error_ns) IS DISTINCT FROM
           (excluded.to_node_id, excluded.to_run_id, excluded.to_peer_id, excluded.taken_up_at, excluded.delay_ns,
            excluded.error_ns);

    WITH wanted AS MATERIALIZED (
        SELECT from_node_id, to_node_id, count(*) AS samples, min(delay_ns) AS min_ns,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY delay_ns) AS median_ns,
               count(*) FILTER (WHERE delay_ns < -error_ns) AS violations, max(error_ns) AS error_ns
          FROM clock_audit_sample WHERE day = of_day
         GROUP BY from_node_id, to_node_id
    ),
    gone AS (
        DELETE FROM clock_audit_day
         WHERE day = of_day AND (from_node_id, to_node_id) NOT IN (SELECT from_node_id, to_node_id FROM wanted)
    )
    INSERT INTO clock_audit_day AS d
           (day, from_node_id, to_node_id, samples, min_ns, median_ns, violations, error_ns)
    SELECT of_day, from_node_id, to_node_id, samples, min_ns, median_ns, violations, error_ns FROM wanted
    ON CONFLICT (day, from_node_id, to_node_id) DO UPDATE
       SET samples = excluded.samples, min_ns = excluded.min_ns, median_ns = excluded.median_ns,
           violations = excluded.violations, error_ns = excluded.error_ns
     WHERE (d.samples, d.min_ns, d.median_ns, d.violations, d.error_ns) IS DISTINCT FROM
           (excluded.samples, excluded.min_ns, excluded.median_ns, excluded.violations, excluded.error_ns);
END
$$;
COMMENT ON FUNCTION peerscope.store_clock_audit(date) IS
    'Stores clock_audit_sample and clock_audit_day of a UTC day anew, and the links that only pings tell of, in fleet_link. Reads ping_event of the day, and of what arrived as far off as clocks are.';

CREATE OR REPLACE FUNCTION peerscope.digest_coverage(of_day date) RETURNS void
    LANGUAGE plpgsql
    -- Guesses about rows are high where little is known of a new day, and compiling costs more than it saves.
    -- What is compared is a day's rows of the whole fleet: where the planner thinks that they do not fit, NOT IN compares each
    -- with each.
    SET jit = off SET work_mem = '64MB'
    AS $$
BEGIN
    PERFORM peerscope.store_coverage(of_day);
    PERFORM peerscope.store_fleet_link(of_day);
    PERFORM peerscope.store_clock_audit(of_day);
END
$$;
COMMENT ON FUNCTION peerscope.digest_coverage(date) IS
    'The digest''s part ''coverage'': stores coverage_span, fleet_link, clock_audit_sample and clock_audit_day of a UTC day anew.';
