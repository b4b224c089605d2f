-- How an address travels through the fleet: episodes of gossip, and when each reached each node.
DROP VIEW IF EXISTS peerscope.addr_episode CASCADE;
CREATE VIEW peerscope.addr_episode AS
WITH corrected AS (
    SELECT a.network, a.addr, a.port, a.node_id, a.class, a.first_peer, a.freshness_s, a.copies, a.announced_at,
           a.first_seen,
           peerscope.unix_us(a.first_seen) * 1000 + coalesce(c.corr_ns, 0) AS t_ns,
           peerscope.unix_us(coalesce(a.last_seen, a.first_seen)) * 1000 + coalesce(c.corr_ns, 0) AS last_ns,
           CASE WHEN c.corr_ns IS NOT NULL THEN c.eps_ns END AS eps_ns,
           c.reference, c.ref_maxerror_ns
      FROM peerscope.addr_announcement a
      LEFT JOIN peerscope.clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
),
-- Seen before, in whatever class; and whether a node knows the key from before its oldest announcement, which
-- retention may have taken.
oldest AS (
    SELECT *, min(t_ns) OVER (PARTITION BY network, addr, port) AS oldest_ns,
           min(first_seen) OVER (PARTITION BY network, addr, port, node_id) AS oldest_here
      FROM corrected
),
gossip AS (
    SELECT *, max(last_ns) OVER (PARTITION BY network, addr, port ORDER BY t_ns, node_id, announced_at
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
      FROM oldest WHERE class = 'gossip'
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE before_ns IS NULL OR t_ns > before_ns + 86400000000000)
                  OVER (PARTITION BY network, addr, port ORDER BY t_ns, node_id, announced_at) AS episode
      FROM gossip
),
-- Each node's first copy of the episode.
arrivals AS (
    SELECT network, addr, port, episode, node_id, min(oldest_ns) AS oldest_ns,
           (array_agg(t_ns ORDER BY t_ns, announced_at))[1] AS t_ns,
           (array_agg(eps_ns ORDER BY t_ns, announced_at))[1] AS eps_ns,
           (array_agg(reference ORDER BY t_ns, announced_at))[1] AS reference,
           (array_agg(ref_maxerror_ns ORDER BY t_ns, announced_at))[1] AS ref_maxerror_ns,
           (array_agg(first_peer ORDER BY t_ns, announced_at))[1] AS from_peer,
           (array_agg(freshness_s ORDER BY t_ns, announced_at))[1] AS freshness_s,
           sum(copies) AS copies
      FROM numbered
     GROUP BY network, addr, port, episode, node_id
),
compared AS (
    SELECT *, eps_ns + CASE WHEN min(reference::text) OVER e IS DISTINCT FROM max(reference::text) OVER e
                            THEN ref_maxerror_ns ELSE 0 END AS error_ns
      FROM arrivals WINDOW e AS (PARTITION BY network, addr, port, episode)
)
SELECT c.network, c.addr, c.port, c.episode, c.node_id, c.t_ns, c.error_ns, c.from_peer, c.freshness_s, c.copies,
       min(c.t_ns) OVER e AS episode_ns,
       -- Only times with a known error are compared.
       min(c.t_ns) FILTER (WHERE c.error_ns IS NOT NULL) OVER e AS first_ns,
       min(c.t_ns - c.error_ns) OVER e AS first_lo_ns,
       min(c.t_ns + c.error_ns) OVER e AS first_hi_ns,
       c.oldest_ns
  FROM compared c
WINDOW e AS (PARTITION BY c.network, c.addr, c.port, c.episode);

COMMENT ON VIEW peerscope.addr_episode IS
    'Episodes of gossip about an address, one row per node reached, in nanoseconds of corrected time. An episode begins after 24 h without gossip about the address in the fleet.';
COMMENT ON COLUMN peerscope.addr_episode.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_episode.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_episode.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_episode.episode IS 'Number of the episode of this address, from 1.';
COMMENT ON COLUMN peerscope.addr_episode.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_episode.t_ns IS 'Corrected time of the node''s first copy.';
COMMENT ON COLUMN peerscope.addr_episode.error_ns IS 'Its error; NULL when unknown.';
COMMENT ON COLUMN peerscope.addr_episode.from_peer IS 'Peer of the first copy.';
COMMENT ON COLUMN peerscope.addr_episode.freshness_s IS 'First copy minus nTime, on the node''s own clock.';
COMMENT ON COLUMN peerscope.addr_episode.copies IS 'Copies the node received.';
COMMENT ON COLUMN peerscope.addr_episode.episode_ns IS 'Corrected time of the first copy at any node.';
COMMENT ON COLUMN peerscope.addr_episode.first_ns IS 'The same among nodes whose clock error is known.';
COMMENT ON COLUMN peerscope.addr_episode.first_lo_ns IS 'Earliest time the first copy may have come.';
COMMENT ON COLUMN peerscope.addr_episode.first_hi_ns IS 'Latest time the first copy may have come.';
COMMENT ON COLUMN peerscope.addr_episode.oldest_ns IS 'Oldest announcement of the address in any class at any node.';

DROP VIEW IF EXISTS peerscope.addr_propagation CASCADE;
CREATE VIEW peerscope.addr_propagation AS
SELECT e.network, e.addr, e.port,
       peerscope.at_us(e.episode_ns / 1000) AS episode_at,
       e.oldest_ns >= e.episode_ns AND NOT EXISTS (
           SELECT FROM peerscope.addr_sighting s
            WHERE s.network = e.network AND s.addr = e.addr AND s.port = e.port
              AND NOT EXISTS (SELECT FROM peerscope.addr_announcement a
                               WHERE a.node_id = s.node_id AND a.network = s.network AND a.addr = s.addr
                                 AND a.port = s.port AND a.first_seen <= s.first_seen)) AS novel,
       n.name AS node,
       peerscope.at_us(e.t_ns / 1000) AS first_seen,
       CASE WHEN e.error_ns IS NOT NULL THEN (e.t_ns - e.first_ns) / 1e9::float8 END AS delay_s,
       (e.error_ns + greatest(e.first_ns - e.first_lo_ns, e.first_hi_ns - e.first_ns)) / 1e9::float8 AS error_s,
       e.freshness_s,
       e.from_peer,
       e.copies::bigint AS copies
  FROM peerscope.addr_episode e
  JOIN peerscope.node n ON n.node_id = e.node_id;

COMMENT ON VIEW peerscope.addr_propagation IS
    'When gossip about an address reached each node. An episode begins with the first gossip after 24 h of silence in the fleet: peers remember for so long what they told each other.';
COMMENT ON COLUMN peerscope.addr_propagation.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_propagation.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_propagation.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_propagation.episode_at IS 'Corrected time of the first copy at any node.';
COMMENT ON COLUMN peerscope.addr_propagation.novel IS 'Whether no node had ever seen the address before, in any class.';
COMMENT ON COLUMN peerscope.addr_propagation.node IS 'The node.';
COMMENT ON COLUMN peerscope.addr_propagation.first_seen IS 'Corrected time of the node''s first copy.';
COMMENT ON COLUMN peerscope.addr_propagation.delay_s IS 'Behind the first node; NULL when the clock''s error is unknown.';
COMMENT ON COLUMN peerscope.addr_propagation.error_s IS 'The true delay differs from delay_s by no more.';
COMMENT ON COLUMN peerscope.addr_propagation.freshness_s IS 'First copy minus nTime, on the node''s own clock; negative when dated ahead.';
COMMENT ON COLUMN peerscope.addr_propagation.from_peer IS 'Peer of the first copy.';
COMMENT ON COLUMN peerscope.addr_propagation.copies IS 'Copies the node received in the episode.';
