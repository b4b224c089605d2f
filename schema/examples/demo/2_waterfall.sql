-- One block on its way through the fleet, in ms after its first sign: who passed it on before having validated it
-- (passed_on < connected), who had to ask for transactions, what waited behind validation?
WITH chosen AS (  -- the one that took longest to reach every node, of those that somebody had to complete
    SELECT hash FROM block_stage GROUP BY hash HAVING bool_or(stage = 's3')
     ORDER BY count(DISTINCT node_id) DESC,
              max(t_ns) FILTER (WHERE stage = 's6') - min(t_ns) FILTER (WHERE stage = 's6') DESC LIMIT 1
), stage AS (
    SELECT b.*, (b.t_ns - min(b.t_ns) OVER ()) / 1e6 AS ms FROM block_stage b JOIN chosen USING (hash) WHERE NOT b.is_origin
)
SELECT n.name AS node, coalesce(l.mode, '-') AS how,
       round((max(ms) FILTER (WHERE stage = 's0'))::numeric, 2) AS heard,
       round((max(ms) FILTER (WHERE stage = 's3'))::numeric, 2) AS asked,
       round((max(ms) FILTER (WHERE stage = 's4'))::numeric, 2) AS received,
       round((max(ms) FILTER (WHERE stage = 's5'))::numeric, 2) AS passed_on,
       round((max(ms) FILTER (WHERE stage = 's6'))::numeric, 2) AS connected,
       round(max(l.validation_ms)::numeric, 2) AS validation, round(max(s.queue_ms)::numeric, 2) AS waited,
       round(max(s.eps_ns / 1e6), 2) AS error
  FROM stage s JOIN node n USING (node_id) JOIN block_stage_latency l ON l.block_hash = s.hash AND l.node = n.name
 GROUP BY n.name, l.mode ORDER BY max(ms) FILTER (WHERE stage = 's6')
