-- Who is connected to several of our nodes at once, and under how many names?
--
-- Nodes of the fleet itself are left out. Groups of the network: a /24 of IPv4, a /48 of IPv6.
SELECT s.group24, count(DISTINCT s.node_id) AS nodes, count(*) AS sessions,
       count(DISTINCT s.user_agent) AS user_agents,
       max(s.overlapping) AS at_once
  FROM (SELECT a.*, (SELECT count(DISTINCT b.node_id)
                       FROM peerscope.peer_session b
                      WHERE b.group24 = a.group24
                        AND tstzrange(b.opened_at, coalesce(b.closed_at, b.last_ts), '[]') @> a.opened_at) AS overlapping
          FROM peerscope.peer_session a
         WHERE a.group24 IS NOT NULL AND a.handshaked_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM peerscope.fleet_link l
                            WHERE (l.node_id, l.run_id, l.peer_id) = (a.node_id, a.run_id, a.peer_id))) s
 GROUP BY s.group24
HAVING count(DISTINCT s.node_id) >= 2
 ORDER BY nodes DESC, sessions DESC;

-- Result on the capture that `make demo` plays:
--    group24    | nodes | sessions | user_agents | at_once
-- --------------+-------+----------+-------------+---------
--  127.0.0.0/24 |     6 |       10 |           5 |       6
