-- Who pours addresses over us: sessions with the signature of the flood of 2021.

CREATE OR REPLACE FUNCTION peerscope.first_byte(network text, addr text) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN network = 'ipv4' THEN split_part(addr, '.', 1)::int
        WHEN network IN ('ipv6', 'cjdns') THEN
            ('x' || left(lpad(split_part(addr, ':', 1), 4, '0'), 2))::bit(8)::int
        -- Base32: five bits a letter.
        WHEN network IN ('onion', 'i2p') THEN
            (strpos('abcdefghijklmnopqrstuvwxyz234567', left(addr, 1)) - 1) * 8
                + (strpos('abcdefghijklmnopqrstuvwxyz234567', substr(addr, 2, 1)) - 1) / 4
        WHEN addr ~ '^[0-9a-f]{2}' THEN ('x' || left(addr, 2))::bit(8)::int
    END
    $$;
COMMENT ON FUNCTION peerscope.first_byte(text, text) IS
    'The first byte of an address as it travels, 0 to 255, from its text; NULL for an empty one of an unknown network.';

-- Five messages of exactly ten entries are fifty addresses in a minute, where Core's rate limit lets six pass.
-- A stretch goes on as long as no ten minutes pass without such a message; midnight ends it as well, so that a day
-- is computed from its own rows.
CREATE OR REPLACE FUNCTION peerscope.digest_addresses_floods(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    day_at CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to CONSTANT timestamptz := day_at + interval '1 day';
BEGIN
    DROP TABLE IF EXISTS pg_temp.flood_minute, pg_temp.flood_address;
    CREATE TEMP TABLE flood_minute ON COMMIT DROP AS
    WITH suspect AS (
        SELECT m.*, lag(m.minute) OVER (PARTITION BY m.node_id, m.run_id, m.peer_id ORDER BY m.minute) AS before
          FROM addr_session_minute m
          JOIN addr_session_day d ON d.node_id = m.node_id AND d.run_id = m.run_id AND d.peer_id = m.peer_id
           AND d.day = of_day AND d.exact10 >= 5
         WHERE m.minute >= day_at AND m.minute < day_to AND m.exact10 > 0
    ),
    stretch AS (
        SELECT *, max(minute) FILTER (WHERE before IS NULL OR minute > before + interval '10 minutes')
                      OVER (PARTITION BY node_id, run_id, peer_id ORDER BY minute) AS from_minute
          FROM suspect
    )
    SELECT s.* FROM (
        SELECT *, max(exact10) OVER (PARTITION BY node_id, run_id, peer_id, from_minute) AS most FROM stretch
        ) s
     WHERE s.most >= 5;
    ANALYZE flood_minute;

    DELETE FROM addr_flood WHERE day = of_day;
    IF NOT EXISTS (SELECT FROM flood_minute) THEN
        RETURN;
    END IF;
    CREATE TEMP TABLE flood_address ON COMMIT DROP AS
    SELECT e.node_id, e.run_id, e.peer_id, f.from_minute, e.network, e.addr, e.port,
           min(e.ts) AS first_ts, min(corrected(e.ts, c.corr_ns)) AS first_at, max(corrected(e.ts, c.corr_ns)) AS last_at
      FROM flood_minute f
      JOIN addr_entry e ON e.node_id = f.node_id AND e.run_id = f.run_id AND e.peer_id = f.peer_id AND e.inbound
       AND e.ts >= f.minute AND e.ts < f.minute + interval '1 minute'
      LEFT JOIN clock_segment c ON c.node_id = e.node_id AND c.clk = e.clk
     WHERE e.ts >= day_at AND e.ts < day_to
     GROUP BY e.node_id, e.run_id, e.peer_id, f.from_minute, e.network, e.addr, e.port;
    ANALYZE flood_address;

    INSERT INTO addr_flood (node_id, run_id, peer_id, from_minute, day, from_at, to_at, messages, exact10, entries,
                            future, passed, addresses, novel, prefix_entropy)
    WITH stretch AS (
        SELECT node_id, run_id, peer_id, from_minute, max(minute) AS last_minute, sum(messages) AS messages,
               sum(exact10) AS exact10, sum(entries) AS entries, sum(future) AS future, sum(passed) AS passed
          FROM flood_minute GROUP BY node_id, run_id, peer_id, from_minute
    ),
    span AS (
        SELECT node_id, run_id, peer_id, from_minute, min(first_ts) AS first_ts, min(first_at) AS first_at,
               max(last_at) AS last_at, count(*) AS addresses
          FROM flood_address GROUP BY node_id, run_id, peer_id, from_minute
    ),
    fresh AS (
        SELECT a.node_id, a.run_id, a.peer_id, a.from_minute, count(*) AS novel
          FROM flood_address a JOIN span s USING (node_id, run_id, peer_id, from_minute)
         WHERE NOT EXISTS (SELECT FROM addr_sighting g
                            WHERE g.addr = a.addr AND g.port = a.port AND g.network = a.network
                              AND g.first_seen < s.first_ts)
         GROUP BY a.node_id, a.run_id, a.peer_id, a.from_minute
    ),
    byte AS (
        SELECT node_id, run_id, peer_id, from_minute, first_byte(network, addr) AS byte, count(*)::float8 AS n
          FROM flood_address GROUP BY node_id, run_id, peer_id, from_minute, first_byte(network, addr)
    ),
    entropy AS (
        -- -Σ p log2 p with p = n / N is log2 N - Σ n log2 n / N.
        SELECT node_id, run_id, peer_id, from_minute,
               greatest(0, (ln(sum(n)) - sum(n * ln(n)) / sum(n)) / ln(2::float8)) AS bits
          FROM byte WHERE byte IS NOT NULL GROUP BY node_id, run_id, peer_id, from_minute
    )
    SELECT s.node_id, s.run_id, s.peer_id, s.from_minute, of_day, coalesce(p.first_at, s.from_minute),
           coalesce(p.last_at, s.last_minute + interval '1 minute'), s.messages, s.exact10, s.entries, s.future,
           s.passed, p.addresses, CASE WHEN p.addresses IS NOT NULL THEN coalesce(f.novel, 0) END, e.bits
      FROM stretch s
      LEFT JOIN span p USING (node_id, run_id, peer_id, from_minute)
      LEFT JOIN fresh f USING (node_id, run_id, peer_id, from_minute)
      LEFT JOIN entropy e USING (node_id, run_id, peer_id, from_minute);
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_floods(date) IS
    'The part of the digest that finds sessions which send messages of exactly ten addresses again and again: at least five in a minute.';

DROP VIEW IF EXISTS peerscope.addr_flood_candidates CASCADE;
CREATE VIEW peerscope.addr_flood_candidates AS
SELECT n.name AS node,
       f.run_id,
       f.peer_id,
       s.addr,
       f.from_at AS "from",
       f.to_at AS "to",
       f.messages,
       f.exact10,
       f.entries,
       100.0::float8 * f.novel / nullif(f.addresses, 0) AS novel_pct,
       100.0::float8 * f.future / nullif(f.entries, 0) AS future_pct,
       f.prefix_entropy,
       f.passed AS passed_rate_limit
  FROM peerscope.addr_flood f
  JOIN peerscope.node n ON n.node_id = f.node_id
  LEFT JOIN peerscope.peer_session s ON s.node_id = f.node_id AND s.run_id = f.run_id AND s.peer_id = f.peer_id;

COMMENT ON VIEW peerscope.addr_flood_candidates IS
    'Sessions that sent at least five messages of exactly ten addresses in a minute, for as long as no ten minutes passed without one; at midnight (UTC, the node''s clock) a row ends. The flood of 2021 shows itself by more than 95 % of addresses never seen, a near-uniform first byte and nTime ahead of now. Candidates: the measures tell, not the row.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.node IS 'The node.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.addr IS 'Address of the peer.';
COMMENT ON COLUMN peerscope.addr_flood_candidates."from" IS 'Corrected time of the first address.';
COMMENT ON COLUMN peerscope.addr_flood_candidates."to" IS 'Corrected time of the last address.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.messages IS 'Address messages in the minutes with one of exactly ten entries.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.exact10 IS 'Messages of exactly ten entries: the most that Core relays on.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.entries IS 'Addresses in messages.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.novel_pct IS 'Percent of the distinct addresses that no node of the fleet had been told before; NULL when the entries were not stored.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.future_pct IS 'Percent of entries with nTime ahead of the node''s own clock.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.prefix_entropy IS 'Entropy of the first byte of the distinct addresses, in bits: 8 when uniform, and never more than log2 of their number.';
COMMENT ON COLUMN peerscope.addr_flood_candidates.passed_rate_limit IS 'Entries for which the node''s token bucket for this peer had a token.';
