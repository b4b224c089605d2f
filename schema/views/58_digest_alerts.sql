-- Alerts: what the rules of alert_rule measure becomes samples, and samples become alerts.
--
-- A sample is kept where a measure is at its release or beyond. Samples of one node and subject that follow each other within
-- the rule's hold are one span; the span is an alert if its measure also reached the threshold, for as long as the rule asks, and
-- the alert opens where it first did. So a value that swings about the threshold opens one alert, not many. Alerts are made
-- anew from the samples of all days whenever one of their days is: they depend on data alone. Only silent_node needs the
-- wall clock.

CREATE OR REPLACE FUNCTION peerscope.digest_alerts(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '64MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
BEGIN
    PERFORM peerscope.digest_alert_samples(of_day);
    PERFORM peerscope.raise_alerts();
    PERFORM peerscope.watch_silence();
END
$$;
COMMENT ON FUNCTION peerscope.digest_alerts(date) IS
    'Digest: alert_sample of a day, and the alerts that change with it.';

CREATE OR REPLACE FUNCTION peerscope.digest_alert_samples(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '64MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    margin   interval := peerscope.clock_margin(of_day);
BEGIN
    DROP TABLE IF EXISTS pg_temp.measured, pg_temp.new_alert_sample, pg_temp.tip_gap, pg_temp.usual_hour, pg_temp.touched_alert;
    -- rests_on: what a rule's minimum is compared with; NULL where it has none.
    CREATE TEMP TABLE measured (kind text, measure text, node_id int, subject text, at timestamptz, until timestamptz,
                                value float8, rests_on float8) ON COMMIT DROP;

    -- stale_tip: a block that a node lacks while it is captured, and not for having begun to load the chain.
    CREATE TEMP TABLE tip_gap ON COMMIT DROP AS
    SELECT g.node_id, g.height, g.fleet_at, least(g.node_at, g.covered_to, day_to) AS until,
           -- When the first of this and all higher ones came, and the highest of all that had come with it.
           min(g.fleet_at) OVER (PARTITION BY g.node_id ORDER BY g.height DESC) AS higher_from,
           max(g.height) OVER (PARTITION BY g.node_id ORDER BY g.fleet_at) AS highest
      FROM peerscope.tip_gaps(of_day) g
     WHERE NOT g.downloading AND least(g.node_at, g.covered_to) > day_from;
    CREATE INDEX ON tip_gap (node_id, height);
    CREATE INDEX ON tip_gap (node_id, fleet_at);
    ANALYZE tip_gap;
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    SELECT 'stale_tip', 'time', g.node_id, '', greatest(g.fleet_at + r.release * interval '1 second', day_from), g.until,
           extract(epoch FROM g.until - g.fleet_at)
      FROM tip_gap g JOIN peerscope.alert_rule r ON r.kind = 'stale_tip' AND r.measure = 'time'
     WHERE g.until > greatest(g.fleet_at + r.release * interval '1 second', day_from);
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    SELECT DISTINCT 'stale_tip', 'height', g.node_id, '', greatest(h.higher_from, day_from), g.until, l.highest - g.height + 1
      FROM tip_gap g
      JOIN peerscope.alert_rule r ON r.kind = 'stale_tip' AND r.measure = 'height'
     CROSS JOIN LATERAL (SELECT t.higher_from FROM tip_gap t
                          WHERE t.node_id = g.node_id AND t.height >= ceil(g.height + r.release - 1)::int
                          ORDER BY t.height LIMIT 1) h
     CROSS JOIN LATERAL (SELECT t.highest FROM tip_gap t
                          WHERE t.node_id = g.node_id AND t.fleet_at < g.until
                          ORDER BY t.fleet_at DESC LIMIT 1) l
     WHERE h.higher_from < g.until AND g.until > day_from;

    -- block_rate
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    WITH connected AS (
        SELECT a.node_id, a.height, min(peerscope.corrected(a.s6_ts, c.corr_ns)) AS at, bool_or(h.bits = 545259519) AS is_regtest
          FROM peerscope.block_arrival a
          LEFT JOIN peerscope.clock_segment c ON c.node_id = a.node_id AND c.clk = a.s6_clk
          LEFT JOIN peerscope.block_header h ON h.hash = a.hash
         WHERE a.s6_ts >= day_from - interval '4 hours' - margin AND a.s6_ts < day_to + margin AND a.height IS NOT NULL
         GROUP BY a.node_id, a.height
    ),
    look AS (
        SELECT v.node_id, t.at
          FROM (SELECT node_id, range_agg(tstzrange(covered_from, covered_to, '[]')) AS spans
                  FROM peerscope.coverage_span
                 WHERE day = of_day AND tracepoint = 'validation:block_connected' AND NOT downloading GROUP BY node_id) v
          JOIN peerscope.node n ON n.node_id = v.node_id AND n.network IS DISTINCT FROM 'regtest'
         CROSS JOIN generate_series(day_from, day_to - interval '10 minutes', interval '10 minutes') AS t (at)
         WHERE v.spans @> tstzrange(t.at - interval '4 hours', t.at, '[]')
           -- Found once, and not anew for each look.
           AND v.node_id NOT IN (SELECT node_id FROM connected WHERE is_regtest)
    ),
    counted AS (
        SELECT l.node_id, l.at, count(c.height) AS blocks
          FROM look l
          LEFT JOIN connected c ON c.node_id = l.node_id AND c.at > l.at - interval '4 hours' AND c.at <= l.at
         GROUP BY l.node_id, l.at
    )
    SELECT 'block_rate', m.measure, node_id, '', at, at, blocks
      FROM counted CROSS JOIN (VALUES ('slow'), ('fast')) AS m (measure);

    -- clock_fault
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    SELECT 'clock_fault', 'segment', node_id, '', valid_from, coalesce(valid_to, valid_from + interval '1 minute'), 1
      FROM peerscope.node
      JOIN peerscope.clock_segment USING (node_id)
     WHERE quality IN ('clock_fault', 'ntp_fault') AND valid_from >= day_from AND valid_from < day_to;

    -- loss: what was counted, and what nobody could count.
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    SELECT 'loss', 'events', g.node_id, '', coalesce(g.gap_from, g.declared_at),
           coalesce(greatest(g.gap_to, g.gap_from), g.gap_from, g.declared_at), g.count
      FROM peerscope.event_gap g
     WHERE g.count > 0 AND coalesce(g.gap_from, g.declared_at) >= day_from AND coalesce(g.gap_from, g.declared_at) < day_to
    UNION ALL
    SELECT 'loss', 'blind', g.node_id, '', greatest(g.gap_from, day_from), least(e.until, day_to),
           extract(epoch FROM e.until - g.gap_from)
      FROM peerscope.event_gap g
      JOIN peerscope.stream s USING (node_id, stream_id)
     CROSS JOIN LATERAL (SELECT coalesce(g.gap_to, s.last_event_at) AS until) e
     WHERE g.reason = 'blind' AND g.gap_from < day_to AND e.until > greatest(g.gap_from, day_from);

    -- addr_flood
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    SELECT 'addr_flood', v.measure, m.node_id, m.run_id || ':' || m.peer_id, m.minute, m.minute + interval '1 minute', v.value
      FROM peerscope.addr_session_minute m
     CROSS JOIN LATERAL (VALUES ('tens', m.exact10::float8), ('limited', m.limited::float8)) AS v (measure, value)
     WHERE m.minute >= day_from AND m.minute < day_to;

    -- Hours against the median of the 24 hours before.
    CREATE TEMP TABLE usual_hour ON COMMIT DROP AS
    WITH refused AS (
        SELECT node_id, hour, sum(count)::float8 AS n FROM peerscope.mempool_reject_hour
         WHERE hour >= day_from - interval '1 day' AND hour < day_to GROUP BY node_id, hour
    ),
    hour AS (
        SELECT h.node_id, h.hour, h.captured_s, h.run_age_s, h.inbound, h.bytes_in, h.bytes_out,
               h.bytes_in / h.captured_s AS rate_in, h.bytes_out / h.captured_s AS rate_out, coalesce(r.n, 0) AS refused
          FROM peerscope.node_hour h LEFT JOIN refused r USING (node_id, hour)
         WHERE h.hour >= day_from - interval '1 day' AND h.hour < day_to AND h.captured_s >= 600
    )
    SELECT h.node_id, h.hour, h.captured_s, h.run_age_s, h.inbound, h.rate_in, h.rate_out, h.refused, h.bytes_in, h.bytes_out,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY b.inbound) AS usual_inbound,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY b.rate_in) AS usual_in,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY b.rate_out) AS usual_out,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY b.refused) AS usual_refused
      FROM hour h
      JOIN hour b ON b.node_id = h.node_id AND b.hour >= h.hour - interval '24 hours' AND b.hour < h.hour
     WHERE h.hour >= day_from
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    HAVING count(*) >= 6;
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value, rests_on)
    SELECT 'inbound_drop', 'ratio', node_id, '', hour, hour + interval '1 hour', inbound / nullif(usual_inbound, 0), usual_inbound
      FROM usual_hour WHERE run_age_s >= 21600 OR run_age_s IS NULL
    UNION ALL
    -- Where nothing is usual, a single one is as good as infinitely more.
    SELECT 'reject_burst', 'ratio', node_id, '', hour, hour + interval '1 hour', refused / greatest(usual_refused, 1), refused
      FROM usual_hour
    UNION ALL
    SELECT 'bandwidth_surge', 'in', node_id, 'received', hour, hour + interval '1 hour', rate_in / greatest(usual_in, 1), bytes_in
      FROM usual_hour
    UNION ALL
    SELECT 'bandwidth_surge', 'out', node_id, 'sent', hour, hour + interval '1 hour', rate_out / greatest(usual_out, 1), bytes_out
      FROM usual_hour;

    -- netgroup_concentration and outbound_rotation
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value, rests_on)
    SELECT 'netgroup_concentration', population, node_id, population, hour, hour + interval '1 hour',
           CASE WHEN population = 'addrman' THEN greatest(top_group_share, top_source_share)
                WHEN top_group <> 'unroutable' THEN top_group_share END, members
      FROM peerscope.eclipse_hour WHERE hour >= day_from AND hour < day_to
    UNION ALL
    SELECT 'outbound_rotation', 'replacements', node_id, '', hour, hour + interval '1 hour', outbound_replacements, NULL
      FROM peerscope.eclipse_hour WHERE hour >= day_from AND hour < day_to AND population = 'outbound';

    -- mempool_divergence: the node whose mempool is unlike those of more than half of the others.
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value, rests_on)
    SELECT 'mempool_divergence', 'jaccard', n.node_id, '', p.at, p.at,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY p.common / nullif(p.common + p.only_a + p.only_b, 0)::float8 DESC),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY p.common + p.only_a + p.only_b)
      FROM peerscope.mempool_pair_sample p
     CROSS JOIN LATERAL (VALUES (p.node_a), (p.node_b)) AS n (node_id)
     WHERE p.at >= day_from AND p.at < day_to
     GROUP BY n.node_id, p.at;

    -- misbehaviour_burst and ping_spam
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    SELECT 'misbehaviour_burst', 'events', node_id, '', b.at, b.at + interval '10 minutes', count(*)
      FROM peerscope.connection_event
     CROSS JOIN LATERAL (SELECT date_bin('10 minutes', ts, timestamptz '2000-01-01 00:00:00+00') AS at) b
     WHERE event = 'misbehaving' AND ts >= day_from AND ts < day_to
     GROUP BY node_id, b.at;
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value)
    SELECT 'ping_spam', 'pings', node_id, run_id || ':' || peer_id, minute, minute + interval '1 minute', n FROM (
        SELECT node_id, run_id, peer_id, date_trunc('minute', ts) AS minute, count(*) AS n
          FROM peerscope.ping_event
         WHERE inbound AND msg_type = 'ping' AND ts >= day_from AND ts < day_to
         GROUP BY 1, 2, 3, 4
        -- Most sessions send one in two minutes: leave them out before they are named.
        HAVING count(*) >= (SELECT min(release) FROM peerscope.alert_rule WHERE kind = 'ping_spam')
    ) p;

    -- spy_candidate
    INSERT INTO measured (kind, measure, node_id, subject, at, until, value, rests_on)
    SELECT 'spy_candidate', 'score', 0, "group", greatest(day_from, third_node_at), day_to, score, nodes
      FROM peerscope.spy_window WHERE day = of_day;

    CREATE TEMP TABLE new_alert_sample ON COMMIT DROP AS
    SELECT m.kind, m.node_id, m.subject, m.measure, m.at, max(m.until) AS until,
           CASE WHEN r.below THEN min(m.value) ELSE max(m.value) END AS value
      FROM measured m
      JOIN peerscope.alert_rule r ON r.kind = m.kind AND r.measure = m.measure AND r.enabled
     WHERE CASE WHEN r.below THEN m.value <= r.release ELSE m.value >= r.release END
       AND (m.rests_on >= r.minimum OR m.rests_on IS NULL)
     GROUP BY m.kind, m.node_id, m.subject, m.measure, m.at, r.below;

    -- Alerts that may change: those with other samples than before, and those that wait to be closed.
    CREATE TEMP TABLE touched_alert ON COMMIT DROP AS
    SELECT kind, node_id, subject FROM (
        SELECT kind, node_id, subject, measure, at, until, value FROM new_alert_sample
        EXCEPT SELECT kind, node_id, subject, measure, at, until, value FROM peerscope.alert_sample WHERE day = of_day) a
    UNION
    SELECT kind, node_id, subject FROM (
        SELECT kind, node_id, subject, measure, at, until, value FROM peerscope.alert_sample WHERE day = of_day
        EXCEPT SELECT kind, node_id, subject, measure, at, until, value FROM new_alert_sample) b
    UNION
    SELECT a.kind, coalesce(n.node_id, 0), a.subject
      FROM peerscope.alert a LEFT JOIN peerscope.node n ON n.name = a.node
     WHERE a.closed_at IS NULL AND a.kind <> 'silent_node';

    DELETE FROM peerscope.alert_sample s
     WHERE s.day = of_day
       AND NOT EXISTS (SELECT FROM new_alert_sample n WHERE n.kind = s.kind AND n.node_id = s.node_id AND n.subject = s.subject
                          AND n.measure = s.measure AND n.at = s.at);
    INSERT INTO peerscope.alert_sample AS s (kind, node_id, subject, measure, at, until, day, value)
    SELECT kind, node_id, subject, measure, at, until, of_day, value FROM new_alert_sample ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (kind, node_id, subject, measure, at) DO UPDATE
       SET until = excluded.until, day = excluded.day, value = excluded.value
     WHERE (s.until, s.day, s.value) IS DISTINCT FROM (excluded.until, excluded.day, excluded.value);
END
$$;
COMMENT ON FUNCTION peerscope.digest_alert_samples(date) IS
    'Digest: alert_sample of a day; leaves the keys of alerts that may change with it in the temporary table touched_alert.';

CREATE OR REPLACE FUNCTION peerscope.raise_alerts() RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET jit = off
    AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.new_alert;
    CREATE TEMP TABLE new_alert ON COMMIT DROP AS
    WITH clock AS (
        -- By how much each node's clock was behind when last measured.
        SELECT n.node_id, coalesce(c.corr_ns, 0) / 1000 * interval '1 microsecond' AS behind
          FROM peerscope.node n
          JOIN peerscope.clock_segment c ON c.node_id = n.node_id
           AND c.clk = (SELECT max(l.clk) FROM peerscope.clock_segment l WHERE l.node_id = n.node_id)
    ),
    newest AS (
        SELECT peerscope.newest_event() AS at
    ),
    sample AS (
        SELECT s.kind, s.node_id, s.subject, s.measure, s.at, s.until, s.value, r.below, r.lasting, r.hold,
               CASE WHEN r.below THEN s.value <= r.threshold ELSE s.value >= r.threshold END AS reached,
               max(s.until + r.hold) OVER (PARTITION BY s.kind, s.node_id, s.subject ORDER BY s.at, s.measure
                                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held_until
          FROM touched_alert t
          JOIN peerscope.alert_sample s USING (kind, node_id, subject)
          JOIN peerscope.alert_rule r USING (kind, measure)
    ),
    numbered AS (
        SELECT *, count(*) FILTER (WHERE held_until IS NULL OR at > held_until)
                      OVER (PARTITION BY kind, node_id, subject ORDER BY at, measure) AS span
          FROM sample
    ),
    -- Each measure opens on its own, and keeps open what another opened.
    measure AS (
        SELECT kind, node_id, subject, span, measure, min(at) FILTER (WHERE reached) AS opened_at,
               max(until) FILTER (WHERE reached) - min(at) FILTER (WHERE reached) >= lasting AS opens,
               max(until) AS until, max(until + hold) AS held_until,
               CASE WHEN below THEN min(value) ELSE max(value) END AS worst
          FROM numbered GROUP BY kind, node_id, subject, span, measure, below, lasting
    ),
    span AS (
        SELECT kind, node_id, subject, min(opened_at) FILTER (WHERE opens) AS opened_at, max(until) AS until,
               max(held_until) AS held_until, array_agg(measure ORDER BY measure) FILTER (WHERE opens) AS measures,
               (array_agg(worst ORDER BY measure) FILTER (WHERE opens))[1] AS worst
          FROM measure GROUP BY kind, node_id, subject, span
    )
    SELECT s.opened_at,
           -- Where nodes are compared, samples have corrected times; others those of the node's own clock.
           CASE WHEN s.held_until < w.at - CASE WHEN s.kind IN ('stale_tip', 'block_rate', 'mempool_divergence', 'spy_candidate')
                                                THEN '0' ELSE coalesce(c.behind, '0') END
                THEN s.until END AS closed_at, n.name AS node, s.kind,
           format(r.evidence, n.name, to_char(s.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'),
                  to_char(s.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'), s.subject) AS evidence,
           s.subject, s.measures, s.worst
      FROM span s
     CROSS JOIN newest w
      JOIN peerscope.alert_rule r ON r.kind = s.kind AND r.measure = s.measures[1]
      LEFT JOIN peerscope.node n ON n.node_id = s.node_id
      LEFT JOIN clock c ON c.node_id = s.node_id
     WHERE s.opened_at IS NOT NULL;

    DELETE FROM peerscope.alert a
     USING touched_alert t LEFT JOIN peerscope.node n ON n.node_id = t.node_id
     WHERE a.kind = t.kind AND a.subject = t.subject AND a.node IS NOT DISTINCT FROM n.name
       AND NOT EXISTS (SELECT FROM new_alert w WHERE w.kind = a.kind AND w.node IS NOT DISTINCT FROM a.node
                          AND w.subject = a.subject AND w.opened_at = a.opened_at);
    INSERT INTO peerscope.alert AS a (opened_at, closed_at, node, kind, evidence, subject, measures, worst)
    SELECT opened_at, closed_at, node, kind, evidence, subject, measures, worst FROM new_alert ORDER BY 1, 4, 3, 6
    ON CONFLICT (kind, coalesce(node, ''), subject, opened_at) DO UPDATE
       SET closed_at = excluded.closed_at, evidence = excluded.evidence, measures = excluded.measures, worst = excluded.worst
     WHERE (a.closed_at, a.evidence, a.measures, a.worst)
           IS DISTINCT FROM (excluded.closed_at, excluded.evidence, excluded.measures, excluded.worst);
END
$$;
COMMENT ON FUNCTION peerscope.raise_alerts() IS
    'Digest: makes the alerts of the keys in the temporary table touched_alert anew from all their samples. An alert is closed when the fleet''s newest event is past its last sample and the rule''s hold.';

CREATE OR REPLACE FUNCTION peerscope.watch_silence() RETURNS int
    LANGUAGE plpgsql SET client_min_messages = warning
    AS $$
DECLARE
    changed int;
    total   int;
BEGIN
    WITH heard AS (
        SELECT n.name AS node, n.labels ? 'retired' OR NOT r.enabled AS is_retired, max(s.last_batch_at) AS at, r.evidence,
               r.threshold, now() - r.threshold * interval '1 second' AS since
          FROM peerscope.node n
          JOIN peerscope.stream s USING (node_id)
          JOIN peerscope.alert_rule r ON r.kind = 'silent_node' AND r.measure = 'silence'
         GROUP BY n.name, n.labels, r.enabled, r.evidence, r.threshold
    )
    UPDATE peerscope.alert a
       SET closed_at = CASE WHEN h.is_retired AND h.at < h.since THEN now() ELSE h.at END,
           worst = extract(epoch FROM CASE WHEN h.is_retired AND h.at < h.since THEN now() ELSE h.at END - a.opened_at) + h.threshold
      FROM heard h
     WHERE a.kind = 'silent_node' AND a.closed_at IS NULL AND a.node = h.node AND (h.at >= h.since OR h.is_retired);
    GET DIAGNOSTICS total = ROW_COUNT;

    INSERT INTO peerscope.alert (opened_at, node, kind, evidence, subject, measures, worst)
    SELECT h.at + h.threshold * interval '1 second', h.node, 'silent_node', format(h.evidence, h.node, '', '', ''), '',
           ARRAY['silence'], h.threshold
      FROM (SELECT n.name AS node, max(s.last_batch_at) AS at, r.threshold, r.evidence
              FROM peerscope.node n
              JOIN peerscope.stream s USING (node_id)
              JOIN peerscope.alert_rule r ON r.kind = 'silent_node' AND r.measure = 'silence' AND r.enabled
             WHERE NOT n.labels ? 'retired'
             GROUP BY n.name, r.threshold, r.evidence) h
     WHERE h.at < now() - h.threshold * interval '1 second'
       AND NOT EXISTS (SELECT FROM peerscope.alert a
                        WHERE a.kind = 'silent_node' AND a.closed_at IS NULL AND a.node = h.node)
    ON CONFLICT (kind, coalesce(node, ''), subject, opened_at) DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN total + changed;
END
$$;
COMMENT ON FUNCTION peerscope.watch_silence() IS
    'Opens and closes silent_node by the wall clock, and returns how many changed. It is part of the digest, but a fleet that is silent as a whole marks no day as dirty: call it now and then as well.';
