-- A peer pours addresses into one node. Which of them passed Core's rate limit, and where did they go?
WITH source AS (  -- the session that told the most addresses in one minute
    SELECT e.node_id, e.run_id, e.peer_id, min(e.ts) AS began, max(e.ts) AS ended, min(e.clk) AS clk,
           count(DISTINCT e.seq) AS messages, count(*) AS entries
      FROM addr_entry e WHERE e.inbound AND e.class IN ('gossip', 'bulk', 'stale')
     GROUP BY e.node_id, e.run_id, e.peer_id, date_trunc('minute', e.ts)
     ORDER BY entries DESC LIMIT 1
), flooded AS (
    SELECT DISTINCT e.network, e.addr, e.port
      FROM addr_entry e JOIN source s USING (node_id, run_id, peer_id) WHERE e.inbound
), passed AS (  -- what the flooded node told others, or others heard
    SELECT DISTINCT f.* FROM flooded f JOIN addr_entry e USING (network, addr, port), source s
     WHERE (e.node_id, e.inbound) = (s.node_id, false) OR e.node_id <> s.node_id
), step AS (
    SELECT e.node_id, e.run_id, e.peer_id, e.inbound, e.ts, e.clk, e.addr || ':' || e.port AS address
      FROM addr_entry e JOIN passed p USING (network, addr, port), source s
     WHERE e.inbound AND e.node_id <> s.node_id OR NOT e.inbound
    UNION ALL
    SELECT node_id, run_id, peer_id, true, began, clk, format('%s addresses in %s messages', entries, messages) FROM source
), timed AS (
    SELECT s.*, s.ts + c.corr_ns / 1000 * interval '1 microsecond' AS at, c.eps_ns / 1e9 AS eps
      FROM step s LEFT JOIN clock_segment c USING (node_id, clk)
)
SELECT to_char(extract(epoch FROM t.at - min(t.at) OVER ()), '990.000') AS after_s, n.name AS node,
       CASE WHEN t.inbound THEN 'hears from' ELSE 'tells' END AS does,
       format('peer %s (%s)', t.peer_id, coalesce(nullif(p.user_agent, ''), p.addr)) AS whom, t.address AS what
  FROM timed t JOIN node n USING (node_id) LEFT JOIN peer_session p USING (node_id, run_id, peer_id)
 ORDER BY t.at, n.name LIMIT 10
