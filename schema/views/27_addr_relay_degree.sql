-- How many peers a peer has, from what it carries between two nodes of the fleet.

-- The interval of a share needs quantiles of the beta distribution, which PostgreSQL does not have.

CREATE OR REPLACE FUNCTION peerscope.ln_gamma(x float8) RETURNS float8
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    -- Lanczos' approximation with g = 7 and nine terms, good to some 15 digits for x > 0.5.
    SELECT 0.918938533204672741780329736406 + (x - 0.5) * ln(x + 6.5) - (x + 6.5)
         + ln(0.99999999999980993227684700473478
              + 676.520368121885098567009190444019 / x - 1259.13921672240287047156078755283 / (x + 1)
              + 771.3234287776530788486528258894 / (x + 2) - 176.61502916214059906584551354 / (x + 3)
              + 12.507343278686904814458936853 / (x + 4) - 0.13857109526572011689554707 / (x + 5)
              + 9.984369578019570859563e-6 / (x + 6) + 1.50563273514931155834e-7 / (x + 7))
    $$;
COMMENT ON FUNCTION peerscope.ln_gamma(float8) IS
    'Logarithm of the gamma function, for arguments from 0.5 on.';

CREATE OR REPLACE FUNCTION peerscope.beta_cdf(x float8, a float8, b float8) RETURNS float8
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    tiny CONSTANT float8 := 1e-300;
    c    float8 := 1;
    d    float8;
    f    float8;
    n    float8;
BEGIN
    IF x <= 0 THEN RETURN 0; END IF;
    IF x >= 1 THEN RETURN 1; END IF;
    -- The fraction converges fast on this side of the mean.
    IF x > (a + 1) / (a + b + 2) THEN
        RETURN 1 - peerscope.beta_cdf(1 - x, b, a);
    END IF;
    -- Its continued fraction (DLMF 8.17.22), evaluated by Lentz' method.
    d := 1 - (a + b) * x / (a + 1);
    d := 1 / CASE WHEN abs(d) < tiny THEN tiny ELSE d END;
    f := d;
    FOR m IN 1 .. 10000 LOOP
        n := m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d := 1 + n * d;
        d := 1 / CASE WHEN abs(d) < tiny THEN tiny ELSE d END;
        c := 1 + n / c;
        c := CASE WHEN abs(c) < tiny THEN tiny ELSE c END;
        f := f * c * d;
        n := -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d := 1 + n * d;
        d := 1 / CASE WHEN abs(d) < tiny THEN tiny ELSE d END;
        c := 1 + n / c;
        c := CASE WHEN abs(c) < tiny THEN tiny ELSE c END;
        f := f * c * d;
        IF abs(c * d - 1) < 1e-15 THEN EXIT; END IF;
    END LOOP;
    -- PostgreSQL takes an exponential that is too small for an error.
    n := a * ln(x) + b * ln(1 - x) + peerscope.ln_gamma(a + b) - peerscope.ln_gamma(a) - peerscope.ln_gamma(b);
    RETURN CASE WHEN n < -600 THEN 0 ELSE f * exp(n) / a END;
END
$$;
COMMENT ON FUNCTION peerscope.beta_cdf(float8, float8, float8) IS
    'The regularised incomplete beta function I_x(a, b): the share of a beta distribution with parameters a and b, each at least 0.5, that lies below x.';

CREATE OR REPLACE FUNCTION peerscope.beta_quantile(share float8, a float8, b float8) RETURNS float8
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    lo   float8 := 0;
    hi   float8 := 1;
    x    float8 := a / (a + b);
    off  float8;
    step float8;
    ln_b CONSTANT float8 := peerscope.ln_gamma(a) + peerscope.ln_gamma(b) - peerscope.ln_gamma(a + b);
BEGIN
    -- Newton's steps, and bisection where one leads out of what is known to hold the answer.
    FOR i IN 1 .. 200 LOOP
        off := peerscope.beta_cdf(x, a, b) - share;
        IF off = 0 THEN RETURN x; END IF;
        IF off > 0 THEN hi := x; ELSE lo := x; END IF;
        step := off / greatest(exp(greatest(-600, (a - 1) * ln(x) + (b - 1) * ln(1 - x) - ln_b)), 1e-250);
        IF x - step <= lo OR x - step >= hi THEN
            step := x - (lo + hi) / 2;
        END IF;
        x := x - step;
        IF abs(step) <= 1e-13 * x THEN RETURN x; END IF;
    END LOOP;
    RETURN x;
END
$$;
COMMENT ON FUNCTION peerscope.beta_quantile(float8, float8, float8) IS
    'The inverse of beta_cdf: where a share, between 0 and 1, of the distribution lies below.';

CREATE OR REPLACE FUNCTION peerscope.clopper_pearson(hits bigint, trials bigint, OUT lo float8, OUT hi float8)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT CASE WHEN hits = 0 THEN 0 ELSE peerscope.beta_quantile(0.025, hits, trials - hits + 1) END,
           CASE WHEN hits = trials THEN 1 ELSE peerscope.beta_quantile(0.975, hits + 1, trials - hits) END
    $$;
COMMENT ON FUNCTION peerscope.clopper_pearson(bigint, bigint) IS
    'The 95 % interval of a probability of which hits of trials independent trials are known (Clopper and Pearson 1934): never too narrow.';

-- Core relays fresh gossip to two of its peers, chosen by a keyed hash of the address that changes once a day, never
-- to the one it came from. So of what we are the first to tell a peer with d peers, a given one of the other d - 1 gets
-- a share of p = 2 / (d - 1), and d = 1 + 2 / p. For IPv4, as Core chooses two on a network it reaches, and for peers
-- that listen on it and so reach it.
CREATE OR REPLACE FUNCTION peerscope.digest_addresses_degree(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    day_at   CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   CONSTANT timestamptz := day_at + interval '1 day';
    start_ns CONSTANT bigint := unix_us(day_at) * 1000;
    end_ns   CONSTANT bigint := start_ns + 86400000000000;
    soon_ns  CONSTANT bigint := 600000000000;
    margin   CONSTANT interval := clock_margin(of_day);
BEGIN
    DROP TABLE IF EXISTS pg_temp.shared_session, pg_temp.exchange, pg_temp.told, pg_temp.listener, pg_temp.candidate,
                         pg_temp.carried;

    -- Where the peers of the day's sessions listen, if more than one node has a session with such a peer.
    CREATE TEMP TABLE shared_session ON COMMIT DROP AS
    WITH session AS (
        SELECT s.node_id, s.run_id, s.peer_id, s.inbound, a.network, a.host, a.port,
               coalesce(s.handshaked_at, s.opened_at) AS from_ts, coalesce(s.closed_at, s.last_ts) AS to_ts
          FROM addr_session_day d
          JOIN peer_session s USING (node_id, run_id, peer_id)
         CROSS JOIN LATERAL peer_address(s.addr) AS a
         WHERE d.day = of_day AND a.network = 'ipv4'
    ),
    listening AS (
        SELECT node_id, run_id, peer_id, from_ts, to_ts, network, host AS addr, port
          FROM session WHERE NOT inbound
        UNION ALL
        SELECT s.node_id, s.run_id, s.peer_id, s.from_ts, s.to_ts, s.network, s.host, o.port
          FROM session s
          JOIN (SELECT DISTINCT ON (t.node_id, t.run_id, t.peer_id) t.node_id, t.run_id, t.peer_id, w.port
                  FROM session t
                  JOIN addr_self w ON w.node_id = t.node_id AND w.run_id = t.run_id AND w.peer_id = t.peer_id
                   AND w.network = t.network AND w.addr = t.host
                 WHERE t.inbound AND w.at < day_to
                 ORDER BY t.node_id, t.run_id, t.peer_id, w.at DESC, w.announced_at DESC) o
            USING (node_id, run_id, peer_id)
    )
    SELECT * FROM listening
     WHERE (network, addr, port) IN (SELECT network, addr, port FROM listening
                                      GROUP BY network, addr, port HAVING count(DISTINCT node_id) > 1);
    ANALYZE shared_session;

    -- IPv4 addresses that these sessions exchanged.
    CREATE TEMP TABLE exchange ON COMMIT DROP AS
    SELECT p.network AS peer_network, p.addr AS peer_addr, p.port AS peer_port, e.node_id, e.inbound,
           e.addr, e.port, e.announced_at,
           unix_us(e.ts) * 1000 + coalesce(c.corr_ns, 0) AS t_ns, coalesce(c.eps_ns, 0) AS eps_ns
      FROM addr_entry e
      JOIN shared_session p ON p.node_id = e.node_id AND p.run_id = e.run_id AND p.peer_id = e.peer_id
      LEFT JOIN clock_segment c ON c.node_id = e.node_id AND c.clk = e.clk
     WHERE e.ts >= day_at - margin AND e.ts < day_to + margin AND e.network = 'ipv4';
    ANALYZE exchange;

    -- The first time that peer and fleet exchange an address is that a node tells it.
    CREATE TEMP TABLE told ON COMMIT DROP AS
    SELECT f.* FROM (
        SELECT DISTINCT ON (peer_network, peer_addr, peer_port, addr, port) *
          FROM exchange WHERE t_ns < end_ns
         ORDER BY peer_network, peer_addr, peer_port, addr, port, t_ns, inbound DESC, node_id
        ) f
     WHERE NOT f.inbound AND f.t_ns >= start_ns;
    ANALYZE told;
    CREATE TEMP TABLE listener ON COMMIT DROP AS
    SELECT p.network, p.addr, p.port, p.node_id, greatest(p.from_ts, s.covered_from) AS from_at,
           least(p.to_ts, s.covered_to) AS to_at
      FROM shared_session p
      JOIN coverage_span s ON s.node_id = p.node_id AND s.day = of_day AND s.tracepoint = 'net:inbound_message'
       AND NOT s.downloading;
    ANALYZE listener;
    -- Another node that can hear of it from the peer for the next ten minutes.
    CREATE TEMP TABLE candidate ON COMMIT DROP AS
    SELECT DISTINCT t.node_id AS node_a, l.node_id AS node_b, t.peer_network, t.peer_addr, t.peer_port,
           t.addr, t.port, t.announced_at, t.t_ns, t.eps_ns
      FROM told t
      JOIN listener l ON l.addr = t.peer_addr AND l.port = t.peer_port AND l.network = t.peer_network
       AND l.node_id <> t.node_id
       AND l.from_at <= at_us(t.t_ns / 1000) AND l.to_at >= at_us((t.t_ns + soon_ns) / 1000);
    ANALYZE candidate;

    CREATE TEMP TABLE carried ON COMMIT DROP AS
    WITH heard AS (
        SELECT c.node_a, c.node_b, c.peer_network, c.peer_addr, c.peer_port, c.addr, c.port,
               coalesce(bool_or(x.inbound AND x.announced_at = c.announced_at
                                AND x.t_ns + x.eps_ns >= c.t_ns - c.eps_ns), false) AS returned,
               -- It told the peer as well, so that the peer would not tell it.
               coalesce(bool_or(NOT x.inbound), false) AS told_too
          FROM candidate c
          LEFT JOIN exchange x ON x.peer_addr = c.peer_addr AND x.peer_port = c.peer_port
           AND x.peer_network = c.peer_network AND x.node_id = c.node_b AND x.addr = c.addr AND x.port = c.port
           AND x.t_ns <= c.t_ns + soon_ns
         GROUP BY c.node_a, c.node_b, c.peer_network, c.peer_addr, c.peer_port, c.addr, c.port
    )
    SELECT node_a, peer_network AS network, peer_addr AS addr, peer_port AS port, node_b,
           count(*)::int AS sent, count(*) FILTER (WHERE returned)::int AS returned
      FROM heard WHERE NOT told_too
     GROUP BY node_a, peer_network, peer_addr, peer_port, node_b;
    ANALYZE carried;

    DELETE FROM addr_degree d
     WHERE d.day = of_day
       AND NOT EXISTS (SELECT FROM carried c
                        WHERE (c.node_a, c.network, c.addr, c.port, c.node_b)
                            = (d.node_a, d.network, d.addr, d.port, d.node_b)
                          AND (c.sent, c.returned) = (d.sent, d.returned));
    INSERT INTO addr_degree (day, node_a, network, addr, port, node_b, sent, returned, p_lo, p_hi)
    WITH fresh AS (
        SELECT * FROM carried c
         WHERE NOT EXISTS (SELECT FROM addr_degree d
                            WHERE d.day = of_day AND (c.node_a, c.network, c.addr, c.port, c.node_b)
                                = (d.node_a, d.network, d.addr, d.port, d.node_b))
    ),
    bounds AS MATERIALIZED (
        SELECT sent, returned, i.lo, i.hi
          FROM (SELECT DISTINCT sent, returned FROM fresh WHERE sent >= 50) f
         CROSS JOIN LATERAL clopper_pearson(f.returned, f.sent) AS i
    )
    SELECT of_day, f.node_a, f.network, f.addr, f.port, f.node_b, f.sent, f.returned, i.lo, i.hi
      FROM fresh f LEFT JOIN bounds i USING (sent, returned);
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_degree(date) IS
    'The part of the digest that counts what peers shared by two nodes carried from one to the other on a day.';

DROP VIEW IF EXISTS peerscope.addr_relay_degree CASCADE;
CREATE VIEW peerscope.addr_relay_degree AS
SELECT a.name AS node_a,
       d.addr || ':' || d.port AS peer,
       b.name AS node_b,
       d.sent AS s,
       d.returned AS r,
       d.returned / d.sent::float8 AS p,
       CASE WHEN d.sent >= 50 THEN 1 + 2 * d.sent / nullif(d.returned, 0)::float8 END AS degree,
       d.p_lo,
       d.p_hi,
       1 + 2 / d.p_hi AS degree_lo,
       1 + 2 / nullif(d.p_lo, 0) AS degree_hi,
       d.day
  FROM peerscope.addr_degree d
  JOIN peerscope.node a ON a.node_id = d.node_a
  JOIN peerscope.node b ON b.node_id = d.node_b;

COMMENT ON VIEW peerscope.addr_relay_degree IS
    'How many peers a peer of two nodes has, from the share of addresses that one told it and the other then heard from it: Core relays each to two of its peers. Only listens: nothing is sent for it. The same peer is one with the same IP and either an outbound session of ours to that address and port, or, inbound, one in which it announced that address and port as its own. Only peers that listen on IPv4, in sessions in which they sent addresses on that day.';
COMMENT ON COLUMN peerscope.addr_relay_degree.node_a IS 'The node that told the peer.';
COMMENT ON COLUMN peerscope.addr_relay_degree.peer IS 'Where the peer listens.';
COMMENT ON COLUMN peerscope.addr_relay_degree.node_b IS 'The node that listened, its session with the peer and its capture lasting for the 10 min after.';
COMMENT ON COLUMN peerscope.addr_relay_degree.s IS 'IPv4 addresses of which node_a told the peer on the day before anything was exchanged about them between the peer and the fleet, once each: the peer''s known-address filters let later announcements of it not pass. Those that node_b told the peer as well in the 10 min after do not count.';
COMMENT ON COLUMN peerscope.addr_relay_degree.r IS 'Those that node_b then heard from the peer, with the same nTime, within 10 min.';
COMMENT ON COLUMN peerscope.addr_relay_degree.p IS 'r / s.';
COMMENT ON COLUMN peerscope.addr_relay_degree.degree IS 'Estimate of the peer''s connections that relay addresses: 1 + 2 / p. NULL below 50 addresses, or when none came.';
COMMENT ON COLUMN peerscope.addr_relay_degree.p_lo IS 'Lower end of the 95 % interval of p (Clopper-Pearson); NULL below 50 addresses.';
COMMENT ON COLUMN peerscope.addr_relay_degree.p_hi IS 'Upper end of it.';
COMMENT ON COLUMN peerscope.addr_relay_degree.degree_lo IS 'Lower end of the 95 % interval of degree; NULL below 50 addresses.';
COMMENT ON COLUMN peerscope.addr_relay_degree.degree_hi IS 'Upper end of it; NULL below 50 addresses, or when none came: then there is none.';
COMMENT ON COLUMN peerscope.addr_relay_degree.day IS 'Day of the telling, UTC in corrected time.';
