-- What Core's rate limit makes of the addresses that sessions send.

CREATE OR REPLACE FUNCTION peerscope.digest_addresses_sessions(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    day_at CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
BEGIN
    DROP TABLE IF EXISTS pg_temp.poured;
    CREATE TEMP TABLE poured ON COMMIT DROP AS
    SELECT p.*, s.opened_at
      FROM (SELECT node_id, run_id, peer_id, sum(messages) AS messages, sum(exact10) AS exact10,
                   sum(entries) AS entries, sum(future) AS future, sum(passed) AS passed, sum(limited) AS limited
              FROM addr_session_minute
             WHERE minute >= day_at AND minute < day_at + interval '1 day'
             GROUP BY node_id, run_id, peer_id) p
      LEFT JOIN peer_session s USING (node_id, run_id, peer_id);
    ANALYZE poured;
    UPDATE addr_session_day d
       SET messages = p.messages, exact10 = p.exact10, entries = p.entries, future = p.future, passed = p.passed,
           limited = p.limited, opened_at = p.opened_at
      FROM poured p
     WHERE d.node_id = p.node_id AND d.run_id = p.run_id AND d.peer_id = p.peer_id AND d.day = of_day
       AND (d.messages, d.exact10, d.entries, d.future, d.passed, d.limited, d.opened_at)
           IS DISTINCT FROM (p.messages, p.exact10, p.entries, p.future, p.passed, p.limited, p.opened_at);
    INSERT INTO addr_session_day (node_id, run_id, peer_id, day, messages, exact10, entries, future, passed, limited,
                                  opened_at)
    SELECT node_id, run_id, peer_id, of_day, messages, exact10, entries, future, passed, limited, opened_at
      FROM poured p
     WHERE NOT EXISTS (SELECT FROM addr_session_day d
                        WHERE d.node_id = p.node_id AND d.run_id = p.run_id AND d.peer_id = p.peer_id
                          AND d.day = of_day)
     ORDER BY opened_at;
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_sessions(date) IS
    'The part of the digest that adds up which addresses each session sent on a day.';

DROP VIEW IF EXISTS peerscope.addr_rate_limit CASCADE;
CREATE VIEW peerscope.addr_rate_limit AS
SELECT n.name || '/' || d.run_id || '/' || d.peer_id AS session,
       d.entries,
       s.addr_tokens AS tokens,
       d.limited AS est_limited,
       d.opened_at
  FROM (SELECT node_id, run_id, peer_id, opened_at, sum(entries)::bigint AS entries, sum(limited)::bigint AS limited
          FROM peerscope.addr_session_day
         GROUP BY node_id, run_id, peer_id, opened_at) d
  JOIN peerscope.node n ON n.node_id = d.node_id
  LEFT JOIN peerscope.peer_session s ON s.node_id = d.node_id AND s.run_id = d.run_id AND s.peer_id = d.peer_id;

COMMENT ON VIEW peerscope.addr_rate_limit IS
    'Sessions that sent addresses, and what Core''s rate limit makes of them: a bucket per peer that starts with one token, gains 0.1 a second up to 1000, and 1000 with each getaddr of ours; an address takes one, and one that finds the bucket empty is dropped.';
COMMENT ON COLUMN peerscope.addr_rate_limit.session IS 'The session: node/run_id/peer_id.';
COMMENT ON COLUMN peerscope.addr_rate_limit.entries IS 'Addresses it sent.';
COMMENT ON COLUMN peerscope.addr_rate_limit.tokens IS 'Tokens in its bucket after its last address message.';
COMMENT ON COLUMN peerscope.addr_rate_limit.est_limited IS 'Addresses for which the replayed bucket had no token: those Core dropped. An estimate, since Core''s clock and ours differ by what a message waits.';
COMMENT ON COLUMN peerscope.addr_rate_limit.opened_at IS 'When it was opened, on the node''s clock.';
