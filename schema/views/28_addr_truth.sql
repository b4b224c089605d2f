-- How much of what is gossiped is a node.

CREATE OR REPLACE FUNCTION peerscope.digest_addresses_truth(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    day_at CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to CONSTANT timestamptz := day_at + interval '1 day';
BEGIN
    DROP TABLE IF EXISTS pg_temp.met;
    -- What was gossiped on the day, and where the fleet's nodes connected to. A handshake follows its connection
    -- within a minute.
    CREATE TEMP TABLE met ON COMMIT DROP AS
    SELECT network, addr, port, min(gossiped_day) AS gossiped_day, min(handshaked_day) AS handshaked_day
      FROM (SELECT network, addr, port, of_day AS gossiped_day, NULL::date AS handshaked_day
              FROM addr_day WHERE ts >= day_at AND ts < day_to AND class = 'gossip'
            UNION ALL
            SELECT a.network, a.host, a.port, NULL, of_day
              FROM peer_session s
             CROSS JOIN LATERAL peer_address(s.addr) AS a
             WHERE s.handshaked_at >= day_at AND s.handshaked_at < day_to AND NOT s.inbound
               AND s.opened_at >= day_at - interval '1 hour' AND s.opened_at < day_to
               AND a.network IS NOT NULL) m
     GROUP BY network, addr, port;
    ANALYZE met;
    UPDATE addr_known k
       SET gossiped_day = least(k.gossiped_day, m.gossiped_day),
           handshaked_day = least(k.handshaked_day, m.handshaked_day)
      FROM met m
     WHERE k.addr = m.addr AND k.port = m.port AND k.network = m.network
       AND (m.gossiped_day < coalesce(k.gossiped_day, 'infinity')
            OR m.handshaked_day < coalesce(k.handshaked_day, 'infinity'));
    INSERT INTO addr_known (network, addr, port, gossiped_day, handshaked_day)
    SELECT network, addr, port, gossiped_day, handshaked_day
      FROM met m
     WHERE NOT EXISTS (SELECT FROM addr_known k
                        WHERE k.addr = m.addr AND k.port = m.port AND k.network = m.network);
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_truth(date) IS
    'The part of the digest that notes which addresses were gossiped on a day and to which the fleet connected, if for the first time.';

DROP VIEW IF EXISTS peerscope.addr_truth CASCADE;
CREATE VIEW peerscope.addr_truth AS
SELECT gossiped_day AS day,
       network,
       count(*) AS newly_gossiped,
       count(handshaked_day) AS handshaked,
       count(handshaked_day) / count(*)::float8 AS share
  FROM peerscope.addr_known
 WHERE gossiped_day IS NOT NULL
 GROUP BY gossiped_day, network;

COMMENT ON VIEW peerscope.addr_truth IS
    'Of the addresses that gossip first named on a day, how many are nodes: a node of the fleet has connected to them and completed the handshake, before or after. A lower bound, since the fleet does not try them all.';
COMMENT ON COLUMN peerscope.addr_truth.day IS 'The day, UTC on the clock of the node that heard it.';
COMMENT ON COLUMN peerscope.addr_truth.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_truth.newly_gossiped IS 'Addresses with port never heard in gossip on an earlier day.';
COMMENT ON COLUMN peerscope.addr_truth.handshaked IS 'Those to which any node of the fleet ever completed an outbound handshake.';
COMMENT ON COLUMN peerscope.addr_truth.share IS 'handshaked / newly_gossiped.';
