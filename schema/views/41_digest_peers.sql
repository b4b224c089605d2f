-- The digest of sessions: connections by hour, how concentrated peers are, which peers are at many nodes.

CREATE OR REPLACE FUNCTION peerscope.netgroup(endpoint text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT
    AS $$
DECLARE
    -- [2001:db8::1]:8333, 1.2.3.4:8333, xyz.onion:8333, or the same without a port.
    host  text := lower(CASE WHEN endpoint ~ '^\[' THEN substring(endpoint FROM '^\[([^]]*)\]')
                             WHEN endpoint ~ '^[^:]*:[0-9]+$' THEN split_part(endpoint, ':', 1)
                             ELSE endpoint END);
    ip    inet;
    bytes bytea;
BEGIN
    -- The first character of base32 holds the first five bits.
    IF host ~ '^[a-z2-7]{56}\.onion$' OR host ~ '^[a-z2-7]{52}\.b32\.i2p$' THEN
        RETURN CASE WHEN host ~ 'onion$' THEN 'onion:' ELSE 'i2p:' END
               || to_hex((strpos('abcdefghijklmnopqrstuvwxyz234567', left(host, 1)) - 1) >> 1) || '/4';
    END IF;
    BEGIN
        ip := host::inet;
    EXCEPTION WHEN invalid_text_representation THEN
        RETURN NULL;
    END;
    IF family(ip) = 6 THEN
        bytes := substring(inet_send(ip) FROM 5);
        IF ip << inet '::ffff:0:0/96' THEN
            ip := host(ip - inet '::ffff:0:0' + inet '0.0.0.0')::inet;
        ELSIF get_byte(bytes, 0) = 252 THEN
            RETURN network(set_masklen(ip, 12))::text;
        ELSIF ip << ANY (ARRAY['fc00::/7', 'fe80::/64', '2001:db8::/32', '2001:10::/28', '2001:20::/28', '::/127']::inet[]) THEN
            RETURN 'unroutable';
        -- The IPv4 address that it carries: RFC 6052, RFC 6145, 6to4 (RFC 3964), Teredo (RFC 4380).
        ELSIF ip << ANY (ARRAY['64:ff9b::/96', '::ffff:0:0:0/96']::inet[]) THEN
            RETURN get_byte(bytes, 12) || '.' || get_byte(bytes, 13) || '.0.0/16';
        ELSIF ip << inet '2002::/16' THEN
            RETURN get_byte(bytes, 2) || '.' || get_byte(bytes, 3) || '.0.0/16';
        ELSIF ip << inet '2001::/32' THEN
            RETURN (get_byte(bytes, 12) # 255) || '.' || (get_byte(bytes, 13) # 255) || '.0.0/16';
        ELSE
            RETURN network(set_masklen(ip, CASE WHEN ip << inet '2001:470::/32' THEN 36 ELSE 32 END))::text;
        END IF;
    END IF;
    IF ip <<= ANY (ARRAY['0.0.0.0/8', '10.0.0.0/8', '127.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12',
                        '192.168.0.0/16', '192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24',
                        '255.255.255.255']::inet[]) THEN
        RETURN 'unroutable';
    END IF;
    RETURN network(set_masklen(ip, 16))::text;
END
$$;
COMMENT ON FUNCTION peerscope.netgroup(text) IS
    'Network group of an address with or without port, as peer_session.netgroup has it: what Core makes without an asmap. NULL for a name.';

CREATE OR REPLACE FUNCTION peerscope.capture_spans(of_tracepoint text, since timestamptz, until timestamptz)
    RETURNS TABLE (node_id int, spans tstzmultirange)
    LANGUAGE sql STABLE
    AS $$
    SELECT i.node_id, range_agg(tstzrange(i.valid_from, coalesce(i.valid_to, r.ended_at, n.at), '[)'))
                          * tstzmultirange(tstzrange(since, until))
      FROM peerscope.capture_interval i
      JOIN (SELECT s.node_id, max(s.last_event_at) AS at FROM peerscope.stream s GROUP BY s.node_id) n
        ON n.node_id = i.node_id
      LEFT JOIN peerscope.run_span r ON r.node_id = i.node_id AND r.run_id = i.run_id
     WHERE i.tracepoint = of_tracepoint AND i.valid_from < until AND (i.valid_to > since OR i.valid_to IS NULL)
       AND coalesce(i.valid_to, r.ended_at, n.at) > greatest(since, i.valid_from)
     GROUP BY i.node_id
    $$;
COMMENT ON FUNCTION peerscope.capture_spans(text, timestamptz, timestamptz) IS
    'When between two times each node''s tracepoint was captured without gap, on the node''s own clock. A span that lasts ends with its process, or with the node''s newest event.';

CREATE OR REPLACE FUNCTION peerscope.sessions_alive(since timestamptz, until timestamptz)
    RETURNS TABLE (node_id int, run_id bigint, peer_id bigint, addr text, network text, netgroup text, group24 text,
                   conn_type text, inbound bool, opened_at timestamptz, handshaked_at timestamptz, ended_at timestamptz,
                   process_ended_at timestamptz, evicted bool, opening_known bool, user_agent text, inv_out bigint,
                   getdata_in bigint, tx_in bigint, bytes bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT * FROM (
        SELECT s.node_id, s.run_id, s.peer_id, s.addr, s.network, s.netgroup, s.group24, s.conn_type, s.inbound,
               s.opened_at, s.handshaked_at,
               coalesce(s.closed_at, r.exited_at, CASE WHEN r.superseded THEN s.last_ts END) AS ended_at,
               r.exited_at AS process_ended_at, s.evicted,
               -- A session that exchanged messages, but no version message, was there before capture began.
               s.handshaked_at IS NOT NULL OR s.protocol_version IS NOT NULL OR s.own_version IS NOT NULL
                   OR s.msgs_in + s.msgs_out = 0 AS opening_known,
               s.user_agent, s.inv_out, s.getdata_in, s.tx_in, s.bytes_in + s.bytes_out AS bytes
          FROM peerscope.peer_session s
          LEFT JOIN peerscope.run_span r ON r.node_id = s.node_id AND r.run_id = s.run_id
         WHERE s.opened_at < until AND (s.closed_at >= since OR s.closed_at IS NULL)
    ) a WHERE a.ended_at IS NULL OR a.ended_at >= since
    $$;
COMMENT ON FUNCTION peerscope.sessions_alive(timestamptz, timestamptz) IS
    'Sessions that were alive between two times, on the nodes'' own clocks, with their end: the event of it, or the end of the process. A session without either is still open, however old its last event.';

CREATE OR REPLACE FUNCTION peerscope.tip_gaps(of_day date)
    RETURNS TABLE (node_id int, height int, fleet_at timestamptz, node_at timestamptz, covered_to timestamptz, downloading bool)
    LANGUAGE sql STABLE
    AS $$
    WITH bounds AS (
        SELECT (of_day - 2)::timestamp AT TIME ZONE 'UTC' AS since, (of_day + 1)::timestamp AT TIME ZONE 'UTC' AS until,
               peerscope.clock_margin(of_day) AS margin
    ),
    connected AS (
        SELECT a.node_id, a.height, min(peerscope.corrected(a.s6_ts, c.corr_ns)) AS at
          FROM bounds b
          JOIN peerscope.block_arrival a ON a.s6_ts >= b.since - b.margin AND a.s6_ts < b.until + b.margin
          LEFT JOIN peerscope.clock_segment c ON c.node_id = a.node_id AND c.clk = a.s6_clk
         WHERE a.height IS NOT NULL
         GROUP BY a.node_id, a.height
    ),
    -- Steps up: no node had a higher block before. A node that catches up with the past makes none.
    fleet AS (
        SELECT f.height, f.at FROM bounds b, (
            SELECT height, at, min(at) OVER (ORDER BY height DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS higher_at
              FROM (SELECT height, min(at) AS at FROM connected
                     WHERE height > (SELECT max(height) - 5000 FROM connected)
                     GROUP BY height) h
        ) f WHERE (f.higher_at IS NULL OR f.at <= f.higher_at) AND f.at >= b.since AND f.at < b.until
    ),
    -- A day's row reaches a day back and a day on.
    covered AS (
        SELECT node_id, tracepoint, range_agg(tstzrange(covered_from, covered_to, '[]')) AS spans,
               range_agg(tstzrange(covered_from, covered_to, '[]')) FILTER (WHERE downloading) AS downloads
          FROM peerscope.coverage_span
         WHERE day IN (of_day - 1, of_day) AND tracepoint = 'validation:block_connected'
         GROUP BY node_id, tracepoint
    ),
    progress AS (
        SELECT v.node_id, f.height, f.at AS fleet_at,
               min(c.at) OVER (PARTITION BY v.node_id ORDER BY f.height DESC) AS node_at
          FROM fleet f
         CROSS JOIN (SELECT node_id FROM covered) v
          LEFT JOIN connected c ON c.node_id = v.node_id AND c.height = f.height
    )
    SELECT p.node_id, p.height, p.fleet_at, p.node_at, upper(s.span) AS covered_to, coalesce(v.downloads @> p.fleet_at, false)
      FROM progress p
      JOIN covered v ON v.node_id = p.node_id
     CROSS JOIN unnest(v.spans) AS s (span)
     WHERE s.span @> p.fleet_at AND (p.node_at > p.fleet_at OR p.node_at IS NULL)
    $$;
COMMENT ON FUNCTION peerscope.tip_gaps(date) IS
    'For every step up of the fleet''s best height on a UTC day and the two before: the nodes captured then that were not the first, when each had a block of that height or above (NULL: not by the end of the day), to when it was captured without gap, and whether it was in initial download. Corrected time.';

CREATE OR REPLACE FUNCTION peerscope.digest_peers(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '64MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    PERFORM peerscope.digest_addrman_slots(of_day);
    PERFORM peerscope.digest_node_hours(of_day, day_from, day_to);
    -- The lives of a day's sessions go on into the next day.
    PERFORM peerscope.digest_connection_hours(of_day - 1);
    PERFORM peerscope.digest_connection_hours(of_day);
    PERFORM peerscope.digest_spies(of_day, day_from, day_to);
    PERFORM peerscope.digest_first_blocks(of_day, day_from, day_to);
END
$$;
COMMENT ON FUNCTION peerscope.digest_peers(date) IS
    'Digest: what sessions and address tables of a day show. Stores node_hour, eclipse_hour, connection_hour (of the day before as well), addrman_slot, spy_window and the blocks of session_credit.';

-- Shares are by time connected: whoever comes back a hundred times in an hour is still one peer at a time.
CREATE OR REPLACE FUNCTION peerscope.digest_node_hours(of_day date, day_from timestamptz, day_to timestamptz) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '64MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.hour_piece, pg_temp.hour_member, pg_temp.new_node_hour, pg_temp.new_eclipse_hour;

    -- The captured stretches of each hour.
    CREATE TEMP TABLE hour_piece ON COMMIT DROP AS
    SELECT c.node_id, h.hour, lower(p.span) AS piece_from, upper(p.span) AS piece_to
      FROM peerscope.capture_spans('net:inbound_message', day_from, day_to) c
     CROSS JOIN generate_series(day_from, day_to - interval '1 hour', interval '1 hour') AS h (hour)
     CROSS JOIN unnest(c.spans * tstzmultirange(tstzrange(h.hour, h.hour + interval '1 hour'))) AS p (span);
    ANALYZE hour_piece;

    CREATE TEMP TABLE hour_member ON COMMIT DROP AS
    SELECT s.node_id, p.hour, CASE WHEN s.inbound THEN 'inbound' ELSE 'outbound' END AS population,
           coalesce(s.netgroup, 'name:' || regexp_replace(s.addr, ':[0-9]+$', '')) AS netgroup,
           sum(extract(epoch FROM least(s.ended_at, p.piece_to) - greatest(s.opened_at, p.piece_from)))::float8 AS seconds
      FROM peerscope.sessions_alive(day_from, day_to) s
      JOIN hour_piece p ON p.node_id = s.node_id AND s.opened_at < p.piece_to
                       AND (s.ended_at > p.piece_from OR s.ended_at IS NULL)
     WHERE s.inbound OR coalesce(s.conn_type, '') NOT IN ('feeler', 'addr-fetch', 'private-broadcast')
     GROUP BY 1, 2, 3, 4;

    CREATE TEMP TABLE new_node_hour ON COMMIT DROP AS
    WITH captured AS (
        SELECT node_id, hour, sum(extract(epoch FROM piece_to - piece_from))::float8 AS captured_s,
               min(piece_from) AS first_at, max(piece_to) AS last_at
          FROM hour_piece GROUP BY node_id, hour
    ),
    connected AS (
        -- The sum of floats depends on their order.
        SELECT node_id, hour, coalesce(sum(seconds ORDER BY netgroup) FILTER (WHERE population = 'inbound'), 0) AS inbound_s,
               coalesce(sum(seconds ORDER BY netgroup) FILTER (WHERE population = 'outbound'), 0) AS outbound_s
          FROM hour_member GROUP BY node_id, hour
    ),
    opened AS (
        SELECT s.node_id, date_trunc('hour', s.opened_at, 'UTC') AS hour, count(*)::int AS n
          FROM peerscope.peer_session s
         WHERE s.inbound AND s.opened_at >= day_from AND s.opened_at < day_to
           AND (s.handshaked_at IS NOT NULL OR s.protocol_version IS NOT NULL OR s.own_version IS NOT NULL
                OR s.msgs_in + s.msgs_out = 0)
         GROUP BY 1, 2
    ),
    traffic AS (
        SELECT m.node_id, date_trunc('hour', m.minute, 'UTC') AS hour,
               coalesce(sum(m.bytes) FILTER (WHERE m.inbound), 0)::bigint AS bytes_in,
               coalesce(sum(m.bytes) FILTER (WHERE NOT m.inbound), 0)::bigint AS bytes_out
          FROM (SELECT DISTINCT node_id FROM hour_piece) n
          JOIN peerscope.message_minute m ON m.node_id = n.node_id AND m.minute >= day_from AND m.minute < day_to
         GROUP BY 1, 2
    ),
    -- With one node there is no fleet to be behind of.
    tips AS (
        SELECT count(DISTINCT node_id) AS nodes FROM peerscope.block_arrival
         WHERE s6_ts >= day_from - interval '2 days' AND s6_ts < day_to AND height IS NOT NULL
    ),
    -- Of a gap in capture it is known only how it began.
    lag AS (
        SELECT g.node_id, h.hour, max(extract(epoch FROM least(g.node_at, g.covered_to, h.hour + interval '1 hour') - g.fleet_at))::float8 AS lag_s
          FROM peerscope.tip_gaps(of_day) g
          JOIN (SELECT DISTINCT node_id, hour FROM hour_piece) h
            ON h.node_id = g.node_id AND g.fleet_at < h.hour + interval '1 hour' AND least(g.node_at, g.covered_to) > h.hour
         GROUP BY g.node_id, h.hour
    )
    SELECT c.node_id, c.hour, of_day AS day, c.captured_s,
           extract(epoch FROM c.first_at - r.started_at)::float8 AS run_age_s,
           coalesce(k.inbound_s, 0) / nullif(c.captured_s, 0) AS inbound,
           coalesce(k.outbound_s, 0) / nullif(c.captured_s, 0) AS outbound,
           coalesce(o.n, 0) AS opened_in,
           coalesce(t.bytes_in, 0) AS bytes_in, coalesce(t.bytes_out, 0) AS bytes_out,
           CASE WHEN tips.nodes > 1 THEN coalesce(l.lag_s, 0) END AS tip_lag_s
      FROM captured c
     CROSS JOIN tips
      LEFT JOIN connected k USING (node_id, hour)
      LEFT JOIN opened o USING (node_id, hour)
      LEFT JOIN traffic t USING (node_id, hour)
      LEFT JOIN lag l USING (node_id, hour)
      LEFT JOIN (SELECT node_id, run_id, started_at,
                        lead(started_at) OVER (PARTITION BY node_id ORDER BY started_at) AS next_at
                   FROM peerscope.process_run WHERE started_at IS NOT NULL) r
        ON r.node_id = c.node_id AND r.started_at < c.last_at AND (r.next_at >= c.last_at OR r.next_at IS NULL)
     WHERE c.captured_s > 0;

    DELETE FROM peerscope.node_hour h
     WHERE h.day = of_day
       AND NOT EXISTS (SELECT FROM new_node_hour n WHERE n.node_id = h.node_id AND n.hour = h.hour);
    INSERT INTO peerscope.node_hour AS h (node_id, hour, day, captured_s, run_age_s, inbound, outbound, opened_in,
                                          bytes_in, bytes_out, tip_lag_s)
    SELECT node_id, hour, day, captured_s, run_age_s, inbound, outbound, opened_in, bytes_in, bytes_out, tip_lag_s
      FROM new_node_hour ORDER BY node_id, hour
    ON CONFLICT (node_id, hour) DO UPDATE
       SET day = excluded.day, captured_s = excluded.captured_s, run_age_s = excluded.run_age_s,
           inbound = excluded.inbound, outbound = excluded.outbound, opened_in = excluded.opened_in,
           bytes_in = excluded.bytes_in, bytes_out = excluded.bytes_out, tip_lag_s = excluded.tip_lag_s
     WHERE (h.captured_s, h.run_age_s, h.inbound, h.outbound, h.opened_in, h.bytes_in, h.bytes_out, h.tip_lag_s)
           IS DISTINCT FROM (excluded.captured_s, excluded.run_age_s, excluded.inbound, excluded.outbound,
                             excluded.opened_in, excluded.bytes_in, excluded.bytes_out, excluded.tip_lag_s);

    CREATE TEMP TABLE new_eclipse_hour ON COMMIT DROP AS
    WITH members AS (
        SELECT node_id, hour, population, netgroup, seconds AS weight FROM hour_member WHERE seconds > 0
        UNION ALL
        SELECT a.node_id, a.hour, 'addrman', a.netgroup, a.slots FROM peerscope.addrman_groups(of_day) a WHERE a.side = 'addr'
    ),
    shares AS (
        SELECT node_id, hour, population, netgroup, weight,
               weight / sum(weight) OVER (PARTITION BY node_id, hour, population ORDER BY netgroup
                                          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS share
          FROM members
    ),
    concentration AS (
        SELECT node_id, hour, population, sum(weight ORDER BY netgroup) AS weight, sum(share * share ORDER BY netgroup) AS hhi,
               exp(-sum(share * ln(share) ORDER BY netgroup)) AS effective_groups, max(share) AS top_share,
               (array_agg(netgroup ORDER BY share DESC, netgroup))[1] AS top_group
          FROM shares GROUP BY node_id, hour, population
    ),
    sources AS (
        SELECT a.node_id, a.hour, max(a.slots) / sum(a.slots) AS top_share
          FROM peerscope.addrman_groups(of_day) a WHERE a.side = 'source' GROUP BY a.node_id, a.hour
    ),
    -- A peer is lost when the connection ended, not when the process did, nor just before it while it was stopping.
    ended AS (
        SELECT s.node_id, date_trunc('hour', s.ended_at, 'UTC') AS hour,
               count(*) FILTER (WHERE NOT s.inbound AND s.conn_type IN ('outbound-full-relay', 'block-relay-only')
                                  AND s.ended_at >= s.opened_at + interval '10 minutes'
                                  AND (s.ended_at < s.process_ended_at - interval '1 minute'
                                       OR s.process_ended_at IS NULL))::int AS replacements,
               count(*) FILTER (WHERE s.inbound AND s.evicted)::int AS evicted
          FROM peerscope.sessions_alive(day_from, day_to) s
         WHERE s.ended_at < day_to
         GROUP BY 1, 2
    )
    SELECT h.node_id, h.hour, p.population, of_day AS day,
           CASE p.population WHEN 'inbound' THEN h.inbound WHEN 'outbound' THEN h.outbound ELSE c.weight END AS members,
           c.hhi AS netgroup_hhi, c.effective_groups, c.top_share AS top_group_share, c.top_group,
           CASE p.population WHEN 'addrman' THEN s.top_share END AS top_source_share,
           CASE p.population WHEN 'addrman' THEN c.weight / 81920 END AS table_occupancy,
           CASE p.population WHEN 'outbound' THEN coalesce(e.replacements, 0) END AS outbound_replacements,
           CASE p.population WHEN 'inbound'
                THEN coalesce(e.evicted, 0) / nullif(h.opened_in, 0)::float8 END AS evicted_per_inbound,
           h.tip_lag_s
      FROM new_node_hour h
     CROSS JOIN (VALUES ('outbound'), ('inbound'), ('addrman')) AS p (population)
      LEFT JOIN concentration c USING (node_id, hour, population)
      LEFT JOIN sources s USING (node_id, hour)
      LEFT JOIN ended e USING (node_id, hour);

    DELETE FROM peerscope.eclipse_hour h
     WHERE h.day = of_day
       AND NOT EXISTS (SELECT FROM new_eclipse_hour n
                        WHERE n.node_id = h.node_id AND n.hour = h.hour AND n.population = h.population);
    INSERT INTO peerscope.eclipse_hour AS h (node_id, hour, population, day, members, netgroup_hhi, effective_groups,
                                             top_group_share, top_group, top_source_share, table_occupancy,
                                             outbound_replacements, evicted_per_inbound, tip_lag_s)
    SELECT node_id, hour, population, day, members, netgroup_hhi, effective_groups, top_group_share, top_group,
           top_source_share, table_occupancy, outbound_replacements, evicted_per_inbound, tip_lag_s
      FROM new_eclipse_hour ORDER BY node_id, hour, population
    ON CONFLICT (node_id, hour, population) DO UPDATE
       SET day = excluded.day, members = excluded.members, netgroup_hhi = excluded.netgroup_hhi,
           effective_groups = excluded.effective_groups, top_group_share = excluded.top_group_share,
           top_group = excluded.top_group, top_source_share = excluded.top_source_share,
           table_occupancy = excluded.table_occupancy, outbound_replacements = excluded.outbound_replacements,
           evicted_per_inbound = excluded.evicted_per_inbound, tip_lag_s = excluded.tip_lag_s
     WHERE (h.members, h.netgroup_hhi, h.effective_groups, h.top_group_share, h.top_group, h.top_source_share,
            h.table_occupancy, h.outbound_replacements, h.evicted_per_inbound, h.tip_lag_s)
           IS DISTINCT FROM (excluded.members, excluded.netgroup_hhi, excluded.effective_groups,
                             excluded.top_group_share, excluded.top_group, excluded.top_source_share,
                             excluded.table_occupancy, excluded.outbound_replacements,
                             excluded.evicted_per_inbound, excluded.tip_lag_s);
END
$$;
COMMENT ON FUNCTION peerscope.digest_node_hours(date, timestamptz, timestamptz) IS
    'Digest: node_hour and eclipse_hour of a day.';

-- A patched node tells which address it puts into which slot of its tables, not what they held when capture began.
-- What is known of them: slots filled in the last seven days. An address that moves to the tried table leaves the new one.
CREATE OR REPLACE FUNCTION peerscope.addrman_fills(of_day date)
    RETURNS TABLE (node_id int, tried bool, bucket int, "position" int, addr text, netgroup text, source_group text,
                   filled_at timestamptz, vacated_at timestamptz, is_last bool)
    LANGUAGE sql STABLE
    AS $$
    WITH bounds AS (
        SELECT of_day::timestamp AT TIME ZONE 'UTC' AS day_from, (of_day + 1)::timestamp AT TIME ZONE 'UTC' AS day_to
    ),
    before AS (
        SELECT DISTINCT ON (s.node_id, s.tried, s.bucket, s.position)
               s.node_id, s.tried, s.bucket, s.position, s.addr, s.netgroup, s.source_group, s.filled_at
          FROM peerscope.addrman_slot s
         WHERE s.day >= of_day - 7 AND s.day < of_day
         ORDER BY s.node_id, s.tried, s.bucket, s.position, s.day DESC
    ),
    event AS (
        SELECT a.node_id, false AS tried, a.bucket, a.position, a.addr, a.addr_as, a.source, a.source_as, a.clk, a.ts, a.seq
          FROM peerscope.addrman_add a, bounds b
         WHERE a.inserted AND a.ts >= b.day_from AND a.ts < b.day_to
        UNION ALL
        SELECT g.node_id, true, g.bucket, g.position, g.addr, g.addr_as, g.source, g.source_as, g.clk, g.ts, g.seq
          FROM peerscope.addrman_good g, bounds b
         WHERE g.ts >= b.day_from AND g.ts < b.day_to
    ),
    -- Many slots, few addresses, fewer sources.
    grouped AS (
        SELECT endpoint, peerscope.netgroup(endpoint) AS netgroup
          FROM (SELECT addr AS endpoint FROM event WHERE addr_as = 0
                UNION SELECT source FROM event WHERE source_as = 0) e
    ),
    fill AS (
        SELECT b.node_id, b.tried, b.bucket, b.position, b.addr, b.netgroup, b.source_group, b.filled_at,
               -1 AS clk, -1::bigint AS seq
          FROM before b, bounds d WHERE b.addr IS NOT NULL AND b.filled_at >= d.day_from - interval '7 days'
        UNION ALL
        SELECT e.node_id, e.tried, e.bucket, e.position, e.addr,
               CASE WHEN e.addr_as <> 0 THEN 'AS' || e.addr_as ELSE coalesce(a.netgroup, e.addr) END,
               CASE WHEN e.source_as <> 0 THEN 'AS' || e.source_as ELSE coalesce(s.netgroup, e.source) END,
               e.ts, e.clk, e.seq
          FROM event e
          LEFT JOIN grouped a ON a.endpoint = e.addr AND e.addr_as = 0
          LEFT JOIN grouped s ON s.endpoint = e.source AND e.source_as = 0
    ),
    replaced AS (
        SELECT f.*, lead(f.filled_at) OVER w AS next_at, lead(f.seq) OVER w IS NULL AS is_last
          FROM fill f
        WINDOW w AS (PARTITION BY f.node_id, f.tried, f.bucket, f.position ORDER BY f.clk, f.filled_at, f.seq)
    ),
    moved AS (
        SELECT r.node_id, r.bucket, r.position, r.clk, r.seq, min(e.ts) AS at
          FROM replaced r
          JOIN event e ON e.node_id = r.node_id AND e.tried AND e.addr = r.addr AND (e.clk, e.ts, e.seq) > (r.clk, r.filled_at, r.seq)
         WHERE NOT r.tried
         GROUP BY 1, 2, 3, 4, 5
    )
    SELECT r.node_id, r.tried, r.bucket, r.position, r.addr, r.netgroup, r.source_group, r.filled_at,
           least(r.next_at, m.at), r.is_last
      FROM replaced r
      LEFT JOIN moved m ON NOT r.tried AND m.node_id = r.node_id AND m.bucket = r.bucket AND m.position = r.position
                       AND m.clk = r.clk AND m.seq = r.seq
    $$;
COMMENT ON FUNCTION peerscope.addrman_fills(date) IS
    'What filled the slots of address tables on a day, with what is known to have been there before: from filled_at to vacated_at (NULL: beyond the day), is_last being the last to come into its slot.';

CREATE OR REPLACE FUNCTION peerscope.addrman_groups(of_day date)
    RETURNS TABLE (node_id int, hour timestamptz, side text, netgroup text, slots float8)
    LANGUAGE sql STABLE
    AS $$
    WITH fill AS (SELECT * FROM peerscope.addrman_fills(of_day))
    SELECT f.node_id, h.hour, g.side, g.netgroup, count(*)::float8
      FROM fill f
     CROSS JOIN generate_series(of_day::timestamp AT TIME ZONE 'UTC', (of_day::timestamp + interval '23 hours') AT TIME ZONE 'UTC',
                                interval '1 hour') AS h (hour)
     CROSS JOIN LATERAL (VALUES ('addr', f.netgroup), ('source', f.source_group)) AS g (side, netgroup)
     WHERE f.filled_at < h.hour + interval '1 hour'
       AND (f.vacated_at >= h.hour + interval '1 hour' OR f.vacated_at IS NULL)
     GROUP BY f.node_id, h.hour, g.side, g.netgroup
    $$;
COMMENT ON FUNCTION peerscope.addrman_groups(date) IS
    'Slots of address tables known to be filled at the end of each hour of a day, by the group of the address and by that of its source.';

CREATE OR REPLACE FUNCTION peerscope.digest_addrman_slots(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '64MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.new_addrman_slot;
    CREATE TEMP TABLE new_addrman_slot ON COMMIT DROP AS
    SELECT node_id, tried, bucket, position, CASE WHEN vacated_at IS NULL THEN addr END AS addr,
           CASE WHEN vacated_at IS NULL THEN netgroup END AS netgroup,
           CASE WHEN vacated_at IS NULL THEN source_group END AS source_group,
           CASE WHEN vacated_at IS NULL THEN filled_at END AS filled_at
      FROM peerscope.addrman_fills(of_day)
     WHERE is_last AND (filled_at >= of_day::timestamp AT TIME ZONE 'UTC' OR vacated_at IS NOT NULL);

    DELETE FROM peerscope.addrman_slot s
     WHERE s.day = of_day
       AND NOT EXISTS (SELECT FROM new_addrman_slot n WHERE n.node_id = s.node_id AND n.tried = s.tried
                          AND n.bucket = s.bucket AND n.position = s.position);
    INSERT INTO peerscope.addrman_slot AS s (node_id, tried, bucket, position, day, addr, netgroup, source_group, filled_at)
    SELECT node_id, tried, bucket, position, of_day, addr, netgroup, source_group, filled_at
      FROM new_addrman_slot ORDER BY node_id, tried, bucket, position
    ON CONFLICT (node_id, tried, bucket, position, day) DO UPDATE
       SET addr = excluded.addr, netgroup = excluded.netgroup, source_group = excluded.source_group,
           filled_at = excluded.filled_at
     WHERE (s.addr, s.netgroup, s.source_group, s.filled_at)
           IS DISTINCT FROM (excluded.addr, excluded.netgroup, excluded.source_group, excluded.filled_at);
END
$$;
COMMENT ON FUNCTION peerscope.digest_addrman_slots(date) IS
    'Digest: addrman_slot of a day.';

CREATE OR REPLACE FUNCTION peerscope.digest_connection_hours(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '64MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    DROP TABLE IF EXISTS pg_temp.new_connection_hour;
    CREATE TEMP TABLE new_connection_hour ON COMMIT DROP AS
    WITH session AS (
        SELECT s.node_id, coalesce(s.network, 'unknown') AS network,
               CASE WHEN s.inbound THEN 'inbound' ELSE 'outbound' END AS direction,
               s.opened_at, s.handshaked_at, s.ended_at, s.evicted, s.opening_known
          FROM peerscope.sessions_alive(day_from, day_to) s WHERE s.inbound IS NOT NULL
    ),
    -- Lives are followed to the end of the next day, or to the node's newest event.
    followed AS (
        SELECT node_id, least(max(last_event_at), day_to + interval '1 day') AS until
          FROM peerscope.stream GROUP BY node_id
    ),
    life AS (
        SELECT s.node_id, date_trunc('hour', s.opened_at, 'UTC') AS hour, s.network, s.direction,
               greatest(0, extract(epoch FROM least(s.ended_at, f.until) - s.opened_at))::float8 AS seconds,
               coalesce(s.ended_at <= f.until, false) AS has_ended
          FROM session s JOIN followed f USING (node_id)
         WHERE s.opened_at >= day_from AND s.opening_known
    ),
    -- Kaplan-Meier: of those that reached an age, the share that went on; its product over all ages up to one.
    at_risk AS (
        SELECT node_id, hour, network, direction, seconds, has_ended,
               count(*) OVER (PARTITION BY node_id, hour, network, direction ORDER BY seconds DESC
                              RANGE UNBOUNDED PRECEDING) AS n
          FROM life
    ),
    age AS (
        SELECT node_id, hour, network, direction, seconds, max(n) AS n, count(*) FILTER (WHERE has_ended) AS ended
          FROM at_risk GROUP BY node_id, hour, network, direction, seconds
    ),
    survival AS (
        SELECT node_id, hour, network, direction, seconds,
               exp(sum(CASE WHEN ended = n THEN '-infinity' ELSE ln(1 - ended / n::float8) END)
                   OVER (PARTITION BY node_id, hour, network, direction ORDER BY seconds)) AS share
          FROM age
    ),
    median AS (
        -- A logarithm and its inverse may miss a half by the last bits.
        SELECT node_id, hour, network, direction, min(seconds) AS seconds
          FROM survival WHERE share <= 0.5 + 1e-9 GROUP BY node_id, hour, network, direction
    ),
    moment AS (
        SELECT node_id, network, direction, opened_at AS at, 1 AS opened, 0 AS handshaked, 0 AS closed, 0 AS evicted
          FROM session WHERE opening_known
        UNION ALL
        SELECT node_id, network, direction, handshaked_at, 0, 1, 0, 0 FROM session
        UNION ALL
        SELECT node_id, network, direction, ended_at, 0, 0, 1, evicted::int FROM session
    ),
    counted AS (
        SELECT node_id, date_trunc('hour', at, 'UTC') AS hour, network, direction, sum(opened)::int AS opened,
               sum(handshaked)::int AS handshaked, sum(closed)::int AS closed, sum(evicted)::int AS evicted
          FROM moment WHERE at >= day_from AND at < day_to GROUP BY 1, 2, 3, 4
    )
    SELECT c.*, m.seconds AS median_life_s
      FROM counted c LEFT JOIN median m USING (node_id, hour, network, direction);

    DELETE FROM peerscope.connection_hour h
     WHERE h.day = of_day
       AND NOT EXISTS (SELECT FROM new_connection_hour n WHERE n.node_id = h.node_id AND n.hour = h.hour
                          AND n.network = h.network AND n.direction = h.direction);
    INSERT INTO peerscope.connection_hour AS h (node_id, hour, network, direction, day, opened, handshaked, closed,
                                                evicted, median_life_s)
    SELECT node_id, hour, network, direction, of_day, opened, handshaked, closed, evicted, median_life_s
      FROM new_connection_hour ORDER BY node_id, hour, network, direction
    ON CONFLICT (node_id, hour, network, direction) DO UPDATE
       SET day = excluded.day, opened = excluded.opened, handshaked = excluded.handshaked, closed = excluded.closed,
           evicted = excluded.evicted, median_life_s = excluded.median_life_s
     WHERE (h.opened, h.handshaked, h.closed, h.evicted, h.median_life_s)
           IS DISTINCT FROM (excluded.opened, excluded.handshaked, excluded.closed, excluded.evicted,
                             excluded.median_life_s);
END
$$;
COMMENT ON FUNCTION peerscope.digest_connection_hours(date) IS
    'Digest: connection_hour of a day.';

CREATE OR REPLACE FUNCTION peerscope.digest_spies(of_day date, day_from timestamptz, day_to timestamptz) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '64MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    window_from timestamptz := day_from - interval '6 days';
BEGIN
    DROP TABLE IF EXISTS pg_temp.new_spy;
    CREATE TEMP TABLE new_spy ON COMMIT DROP AS
    WITH session AS (
        SELECT s.* FROM peerscope.sessions_alive(window_from, day_to) s
         WHERE s.inbound
    ),
    fleet AS (
        SELECT count(DISTINCT node_id) AS nodes FROM session
    ),
    -- Nodes of our own are no strangers.
    stranger AS (
        SELECT s.* FROM session s
          LEFT JOIN (SELECT DISTINCT node_id, run_id, peer_id FROM peerscope.fleet_link) l USING (node_id, run_id, peer_id)
         -- Whoever comes over Tor or I2P has the address of our own proxy.
         WHERE s.group24 IS NOT NULL AND coalesce(s.network, '') NOT IN ('onion', 'i2p') AND l.node_id IS NULL
    ),
    wide AS (
        SELECT group24 FROM stranger GROUP BY group24 HAVING count(DISTINCT node_id) >= 3
    ),
    member AS (
        SELECT s.*, regexp_replace(s.addr, ':[0-9]+$', '') AS host FROM stranger s JOIN wide USING (group24)
    ),
    -- An earlier session of the address at the node that had ended by then.
    ordered AS (
        SELECT m.*, coalesce(min(m.ended_at) OVER (PARTITION BY m.node_id, m.host ORDER BY m.opened_at, m.run_id, m.peer_id
                                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) <= m.opened_at, false)
                         AS is_reconnect
          FROM member m
    ),
    followed AS (
        SELECT node_id, least(max(last_event_at), day_to) AS until FROM peerscope.stream GROUP BY node_id
    ),
    life AS (
        SELECT m.group24, greatest(0, extract(epoch FROM least(m.ended_at, f.until) - m.opened_at))::float8 AS seconds,
               coalesce(m.ended_at <= f.until, false) AS has_ended
          FROM member m JOIN followed f USING (node_id)
         WHERE m.opening_known
    ),
    at_risk AS (
        SELECT group24, seconds, has_ended,
               count(*) OVER (PARTITION BY group24 ORDER BY seconds DESC RANGE UNBOUNDED PRECEDING) AS n
          FROM life
    ),
    age AS (
        SELECT group24, seconds, max(n) AS n, count(*) FILTER (WHERE has_ended) AS ended
          FROM at_risk GROUP BY group24, seconds
    ),
    survival AS (
        SELECT group24, seconds, exp(sum(CASE WHEN ended = n THEN '-infinity' ELSE ln(1 - ended / n::float8) END)
                                     OVER (PARTITION BY group24 ORDER BY seconds)) AS share
          FROM age
    ),
    median AS (
        SELECT group24, min(seconds) AS seconds FROM survival WHERE share <= 0.5 + 1e-9 GROUP BY group24
    ),
    arrival AS (
        SELECT group24, at, row_number() OVER (PARTITION BY group24 ORDER BY at, node_id) AS place
          FROM (SELECT group24, node_id, min(opened_at) AS at FROM member GROUP BY group24, node_id) a
    ),
    counted AS (
        SELECT group24, count(DISTINCT node_id)::int AS nodes, count(*)::int AS sessions,
               count(*) FILTER (WHERE is_reconnect)::int AS reconnects, sum(inv_out)::bigint AS inv_out,
               sum(getdata_in)::bigint AS getdata_in, sum(tx_in)::bigint AS tx_in,
               count(DISTINCT user_agent)::int AS agents
          FROM ordered GROUP BY group24
    )
    SELECT c.group24, c.nodes, c.sessions, m.seconds AS median_life_s, c.reconnects, c.inv_out, c.getdata_in, c.tx_in, c.agents,
           c.nodes / f.nodes::float8 * (c.inv_out / (c.inv_out + 1000.0::float8))
               / (1 + 100 * (c.getdata_in + c.tx_in) / (c.inv_out + 1.0::float8)) AS score,
           a.at AS third_node_at
      FROM counted c
     CROSS JOIN fleet f
      JOIN arrival a ON a.group24 = c.group24 AND a.place = 3
      LEFT JOIN median m ON m.group24 = c.group24;

    DELETE FROM peerscope.spy_window w
     WHERE w.day = of_day AND NOT EXISTS (SELECT FROM new_spy n WHERE n.group24 = w."group");
    INSERT INTO peerscope.spy_window AS w (day, "group", nodes, sessions, median_life_s, reconnects, inv_out, getdata_in,
                                           tx_in, agents, score, third_node_at)
    SELECT of_day, group24, nodes, sessions, median_life_s, reconnects, inv_out, getdata_in, tx_in, agents, score, third_node_at
      FROM new_spy ORDER BY group24
    ON CONFLICT (day, "group") DO UPDATE
       SET nodes = excluded.nodes, sessions = excluded.sessions, median_life_s = excluded.median_life_s,
           reconnects = excluded.reconnects, inv_out = excluded.inv_out, getdata_in = excluded.getdata_in,
           tx_in = excluded.tx_in, agents = excluded.agents, score = excluded.score,
           third_node_at = excluded.third_node_at
     WHERE (w.nodes, w.sessions, w.median_life_s, w.reconnects, w.inv_out, w.getdata_in, w.tx_in, w.agents, w.score, w.third_node_at)
           IS DISTINCT FROM (excluded.nodes, excluded.sessions, excluded.median_life_s, excluded.reconnects, excluded.inv_out,
                             excluded.getdata_in, excluded.tx_in, excluded.agents, excluded.score, excluded.third_node_at);
END
$$;
COMMENT ON FUNCTION peerscope.digest_spies(date, timestamptz, timestamptz) IS
    'Digest: spy_window of the seven days that end with a day.';

CREATE OR REPLACE FUNCTION peerscope.digest_first_blocks(of_day date, day_from timestamptz, day_to timestamptz) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET jit = off SET plan_cache_mode = force_custom_plan
    AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.new_first_block;
    CREATE TEMP TABLE new_first_block ON COMMIT DROP AS
    SELECT a.node_id, a.first_run AS run_id, a.first_peer AS peer_id, count(*)::int AS blocks
      FROM peerscope.block_arrival a
      LEFT JOIN peerscope.clock_segment c ON c.node_id = a.node_id AND c.clk = a.s6_clk
     WHERE a.s6_ts >= day_from - interval '1 day' AND a.s6_ts < day_to + interval '1 day'
       AND peerscope.corrected(a.s6_ts, c.corr_ns) >= day_from AND peerscope.corrected(a.s6_ts, c.corr_ns) < day_to
       -- Announced, not mined here nor fetched in initial download.
       AND a.s0_ts IS NOT NULL AND a.first_peer IS NOT NULL AND a.first_run IS NOT NULL
     GROUP BY 1, 2, 3;

    UPDATE peerscope.session_credit c SET first_blocks = 0
     WHERE c.day = of_day AND c.first_blocks > 0
       AND NOT EXISTS (SELECT FROM new_first_block n
                        WHERE n.node_id = c.node_id AND n.run_id = c.run_id AND n.peer_id = c.peer_id);
    INSERT INTO peerscope.session_credit AS c (node_id, run_id, peer_id, day, first_blocks)
    SELECT node_id, run_id, peer_id, of_day, blocks FROM new_first_block ORDER BY node_id, run_id, peer_id
    ON CONFLICT (node_id, run_id, peer_id, day) DO UPDATE SET first_blocks = excluded.first_blocks
     WHERE c.first_blocks IS DISTINCT FROM excluded.first_blocks;
    DELETE FROM peerscope.session_credit c WHERE c.day = of_day AND c.first_blocks = 0 AND c.first_transactions = 0;
END
$$;
COMMENT ON FUNCTION peerscope.digest_first_blocks(date, timestamptz, timestamptz) IS
    'Digest: the blocks of session_credit of a day.';
