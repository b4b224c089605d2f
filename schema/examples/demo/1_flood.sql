-- A peer poured addresses over a node: which passed its rate limit, and where did they go?
WITH flood AS (  -- the largest: at least 100 addresses of one peer, unasked for and dated ahead
    SELECT a.node_id, a.run_id, a.first_peer AS peer_id, min(a.first_seen) AS began, min(a.clk) AS clk,
           count(*) AS addresses, avg(-a.freshness_s) / 60 AS ahead_min,
           extract(epoch FROM max(a.first_seen) - min(a.first_seen)) * 1000 AS took_ms
      FROM peerscope.addr_announcement a
     WHERE a.class = 'gossip' AND a.freshness_s < 0
     GROUP BY a.node_id, a.run_id, a.first_peer
    HAVING count(*) >= 100
     ORDER BY addresses DESC LIMIT 1
),
passed AS (  -- what the node sent on
    SELECT a.network, a.addr, a.port
      FROM flood f
      JOIN peerscope.addr_announcement a
        ON (a.node_id, a.run_id, a.first_peer) = (f.node_id, f.run_id, f.peer_id)
     WHERE a.class = 'gossip' AND a.freshness_s < 0 AND a.out_peers > 0
),
trail AS (
    SELECT f.node_id, f.began AS ts, f.clk, 1 AS step,
           format('%s addresses in %s ms, dated %s min ahead, from %s %s', f.addresses, round(f.took_ms),
                  round(f.ahead_min::numeric, 1), s.addr, s.user_agent) AS what
      FROM flood f
      LEFT JOIN peerscope.peer_session s USING (node_id, run_id, peer_id)
    UNION ALL
    SELECT e.node_id, e.ts, e.clk, CASE WHEN e.inbound THEN 2 ELSE 3 END,
           format(CASE WHEN e.inbound THEN '  hears %s from %s' ELSE '  sends %s to %s' END,
                  e.addr, coalesce(o.name, s.user_agent || ' (' || s.conn_type || ')', 'a peer'))
      FROM passed p
      JOIN peerscope.addr_entry e USING (network, addr, port)
      LEFT JOIN peerscope.peer_session s USING (node_id, run_id, peer_id)
      LEFT JOIN peerscope.fleet_link l USING (node_id, run_id, peer_id)
      LEFT JOIN peerscope.node o ON o.node_id = l.other_node_id
),
corrected AS (
    SELECT t.*, peerscope.corrected(t.ts, c.corr_ns) AS at
      FROM trail t LEFT JOIN peerscope.clock_segment c USING (node_id, clk)
)
SELECT round(extract(epoch FROM c.at - min(c.at) OVER ()), 3) AS after_s, n.name AS node, c.what
  FROM corrected c
  JOIN peerscope.node n USING (node_id)
 ORDER BY c.at, c.step;
