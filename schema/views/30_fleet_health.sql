-- One row per node: is it heard, is anything missing, and is its time good?
DROP VIEW IF EXISTS peerscope.blind_time CASCADE;
CREATE VIEW peerscope.blind_time AS
WITH spans AS (
    SELECT g.node_id, g.stream_id,
           range_agg(tstzrange(g.gap_from, greatest(g.gap_from, coalesce(g.gap_to, s.last_event_at)))) AS blind
      FROM peerscope.event_gap g
      JOIN peerscope.stream s USING (node_id, stream_id)
     WHERE g.reason = 'blind' AND g.gap_from IS NOT NULL
     GROUP BY g.node_id, g.stream_id
)
SELECT s.node_id, s.stream_id,
       (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::float8 FROM unnest(s.blind) r) AS blind_s
  FROM spans s;
COMMENT ON VIEW peerscope.blind_time IS
    'Seconds of a stream without programs attached; overlapping gaps of several tracepoints count once.';
COMMENT ON COLUMN peerscope.blind_time.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.blind_time.stream_id IS 'The stream.';
COMMENT ON COLUMN peerscope.blind_time.blind_s IS 'Seconds.';

DROP VIEW IF EXISTS peerscope.fleet_health CASCADE;
CREATE VIEW peerscope.fleet_health AS
WITH run AS (
    SELECT DISTINCT ON (node_id) node_id, user_agent
      FROM peerscope.process_run WHERE user_agent IS NOT NULL
     ORDER BY node_id, started_at DESC NULLS LAST, run_id
),
stream AS (
    SELECT DISTINCT ON (node_id) node_id, agent_id, last_event_at, last_batch_at
      FROM peerscope.stream
     ORDER BY node_id, last_event_at DESC NULLS LAST, stream_id
),
-- A subquery that asks for one maximum ends at the first entry of an index, where DISTINCT ON reads all of them.
clock AS (
    SELECT c.node_id, c.corr_ns, c.eps_ns, c.quality
      FROM (SELECT n.node_id, (SELECT max(s.clk) FROM peerscope.clock_segment s WHERE s.node_id = n.node_id) AS clk
              FROM peerscope.node n) newest
      JOIN peerscope.clock_segment c USING (node_id, clk)
),
probe AS (
    SELECT node_id,
           count(DISTINCT tracepoint) FILTER (WHERE attached) AS attached,
           count(DISTINCT tracepoint) AS known
      FROM (SELECT node_id, tracepoint, status = 'attached' AND detached_at IS NULL AS attached
              FROM peerscope.attached_probe) p
     GROUP BY node_id
),
loss AS (
    SELECT node_id, sum(lost_ring + lost_unreadable + lost_user + lost_spool + lost_quarantine) AS lost
      FROM peerscope.stream_tracepoint GROUP BY node_id
),
blind AS (
    SELECT node_id, sum(blind_s) AS blind_s FROM peerscope.blind_time GROUP BY node_id
),
-- The last 24 hours that have begun.
recent AS (
    SELECT node_id, date_trunc('hour', last_event_at, 'UTC') - interval '23 hours' AS since FROM stream
),
traffic AS MATERIALIZED (
    SELECT w.node_id,
           -- Compared as a row, so that the key of node and hour serves, and not the index on all nodes' hours.
           (SELECT sum(h.bytes_in + h.bytes_out) FROM peerscope.node_hour h
             WHERE h.node_id = w.node_id AND (h.node_id, h.hour) >= (w.node_id, w.since)) AS bytes,
           (SELECT sum(m.truncated) FROM peerscope.message_minute m
             WHERE m.node_id = w.node_id AND m.minute >= w.since AND m.truncated > 0) AS truncated,
           extract(epoch FROM (SELECT max(m.minute) FROM peerscope.message_minute m WHERE m.node_id = w.node_id)
                            - (SELECT min(m.minute) FROM peerscope.message_minute m
                                WHERE m.node_id = w.node_id AND m.minute >= w.since)
                            + interval '1 minute') AS seconds
      FROM recent w
)
SELECT n.name AS node,
       r.user_agent,
       a.version AS agent_version,
       coalesce(p.attached, 0) AS probes_attached,
       coalesce(p.known - p.attached, 0) AS probes_missing,
       s.last_event_at,
       extract(epoch FROM s.last_batch_at - s.last_event_at
           - coalesce(c.corr_ns / 1000, 0) * interval '1 microsecond')::float8 AS lag_s,
       coalesce(l.lost, 0)::bigint AS lost,
       coalesce(b.blind_s, 0) AS blind_s,
       coalesce(t.truncated, 0)::bigint AS truncated,
       c.corr_ns / 1e6::float8 AS clock_offset_ms,
       c.eps_ns / 1e6::float8 AS clock_error_ms,
       c.quality AS clock_quality,
       u.spool_bytes,
       (t.bytes * 86400 / nullif(t.seconds, 0))::bigint AS bytes_per_day
  FROM peerscope.node n
  LEFT JOIN run r USING (node_id)
  LEFT JOIN stream s USING (node_id)
  LEFT JOIN peerscope.agent a ON a.agent_id = s.agent_id
  LEFT JOIN clock c USING (node_id)
  LEFT JOIN probe p USING (node_id)
  LEFT JOIN loss l USING (node_id)
  LEFT JOIN blind b USING (node_id)
  LEFT JOIN traffic t USING (node_id)
  LEFT JOIN peerscope.agent_status u USING (node_id);

COMMENT ON VIEW peerscope.fleet_health IS 'The state of each node''s capture.';
COMMENT ON COLUMN peerscope.fleet_health.node IS 'The node.';
COMMENT ON COLUMN peerscope.fleet_health.user_agent IS 'Its user agent, from its own version messages.';
COMMENT ON COLUMN peerscope.fleet_health.agent_version IS 'Version of the agent that last sent for it.';
COMMENT ON COLUMN peerscope.fleet_health.probes_attached IS 'Tracepoints attached now.';
COMMENT ON COLUMN peerscope.fleet_health.probes_missing IS 'Tracepoints known of and not attached now: missing, failed or detached.';
COMMENT ON COLUMN peerscope.fleet_health.last_event_at IS 'Newest event, on the node''s clock.';
COMMENT ON COLUMN peerscope.fleet_health.lag_s IS 'From the newest event to the commit of its batch, in corrected time.';
COMMENT ON COLUMN peerscope.fleet_health.lost IS 'Events lost, of all causes that could be counted.';
COMMENT ON COLUMN peerscope.fleet_health.blind_s IS 'Seconds without programs attached.';
COMMENT ON COLUMN peerscope.fleet_health.truncated IS 'Messages of the last 24 hours whose captured bytes did not suffice for decoding.';
COMMENT ON COLUMN peerscope.fleet_health.clock_offset_ms IS 'Correction of its clock in the newest segment.';
COMMENT ON COLUMN peerscope.fleet_health.clock_error_ms IS 'Error of the corrected time; NULL when the clock contradicts itself.';
COMMENT ON COLUMN peerscope.fleet_health.clock_quality IS 'exact, ntp, exchange, provisional, clock_fault or ntp_fault.';
COMMENT ON COLUMN peerscope.fleet_health.spool_bytes IS 'Bytes waiting in the agent''s spool at its last status.';
COMMENT ON COLUMN peerscope.fleet_health.bytes_per_day IS 'P2P payload bytes a day, from the last 24 hours as the last digest counted them; extrapolated when less was seen.';
