-- Why a node lacked a transaction of a compact block.

-- Judged at the moment the node asked for it. What came later of an acceptance's end and a refusal decides; a
-- node that was announced a transaction and had not got it yet was waiting for it. That nobody announced it can only
-- be said where all that the node received in the hour before was captured, or since its process began.
--
-- Judged once: a node's events come in order, so that all before the block is there when the block is; and they are
-- kept for days, the verdict for longer.
CREATE OR REPLACE FUNCTION peerscope.digest_compact_missing(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    WITH missing AS MATERIALIZED (
        SELECT m.hash, m.node_id, m.run_id, m.wtxid, m.txid, m.ts, corrected(m.ts, c.corr_ns) AS at,
               -- The request went out before its answer came; where capture missed it, the answer has to do.
               least(coalesce(a.s3_ts, m.ts), m.ts) AS asked_at
          FROM compact_missing_tx m
          LEFT JOIN block_arrival a ON a.node_id = m.node_id AND a.hash = m.hash
          LEFT JOIN clock_segment c ON c.node_id = m.node_id AND c.clk = m.clk
         WHERE m.ts >= since AND m.ts < until
           AND NOT EXISTS (SELECT FROM compact_missing_cause k
                            WHERE k.hash = m.hash AND k.node_id = m.node_id AND k.wtxid = m.wtxid)
    ),
    stay AS (
        SELECT m.node_id, m.hash, m.wtxid,
               bool_or(e.removed_at IS NULL OR e.removed_at > m.asked_at) AS inside, max(e.removed_at) AS left_at
          FROM missing m
          JOIN mempool_entry e ON e.node_id = m.node_id AND e.run_id = m.run_id AND e.txid = m.txid
           AND e.added_at <= m.asked_at
         GROUP BY m.node_id, m.hash, m.wtxid
    ),
    refusal AS (
        SELECT DISTINCT ON (m.node_id, m.hash, m.wtxid) m.node_id, m.hash, m.wtxid, r.ts AS refused_at, r.reason
          FROM missing m
          JOIN mempool_rejected r ON r.node_id = m.node_id AND r.txid = m.txid
           AND r.ts >= since - interval '1 day' AND r.ts < until AND r.ts <= m.asked_at
         ORDER BY m.node_id, m.hash, m.wtxid, r.clk DESC, r.ts DESC, r.seq DESC
    ),
    announced AS (
        SELECT DISTINCT m.node_id, m.hash, m.wtxid
          FROM missing m
          CROSS JOIN LATERAL (VALUES (m.wtxid), (m.txid)) AS id (id)
          JOIN tx_sighting s ON s.hash = id.id AND s.node_id = m.node_id
           AND s.ts >= since - interval '1 day' AND s.ts < until AND s.ts <= m.asked_at
    ),
    received AS (
        SELECT DISTINCT m.node_id, m.hash, m.wtxid
          FROM missing m
          JOIN tx_seen s ON s.wtxid = m.wtxid AND s.node_id = m.node_id AND s.inbound AND s.msg_type = 'tx'
           AND s.ts >= since - interval '1 day' AND s.ts < until AND s.ts <= m.asked_at
    ),
    captured AS (
        SELECT DISTINCT m.node_id, m.hash, m.wtxid
          FROM missing m
          JOIN capture_interval i ON i.node_id = m.node_id AND i.run_id = m.run_id
           AND i.tracepoint = 'net:inbound_message' AND (i.valid_to IS NULL OR i.valid_to >= m.asked_at)
          LEFT JOIN process_run r ON r.node_id = m.node_id AND r.run_id = m.run_id
         WHERE i.valid_from <= greatest(m.asked_at - interval '1 hour', r.started_at + interval '10 seconds')
    )
    INSERT INTO compact_missing_cause (hash, node_id, wtxid, day, at, why)
    SELECT m.hash, m.node_id, m.wtxid, of_day, m.at,
           CASE WHEN s.inside THEN 'unknown'
                WHEN s.left_at IS NOT NULL AND (r.refused_at IS NULL OR s.left_at > r.refused_at) THEN 'evicted'
                WHEN r.refused_at IS NOT NULL THEN 'rejected: ' || r.reason
                WHEN g.wtxid IS NOT NULL THEN 'unknown'
                WHEN a.wtxid IS NOT NULL THEN 'in_flight'
                WHEN c.wtxid IS NOT NULL THEN 'never_announced'
                ELSE 'unknown' END
      FROM missing m
      LEFT JOIN stay s ON (s.node_id, s.hash, s.wtxid) = (m.node_id, m.hash, m.wtxid)
      LEFT JOIN refusal r ON (r.node_id, r.hash, r.wtxid) = (m.node_id, m.hash, m.wtxid)
      LEFT JOIN announced a ON (a.node_id, a.hash, a.wtxid) = (m.node_id, m.hash, m.wtxid)
      LEFT JOIN received g ON (g.node_id, g.hash, g.wtxid) = (m.node_id, m.hash, m.wtxid)
      LEFT JOIN captured c ON (c.node_id, c.hash, c.wtxid) = (m.node_id, m.hash, m.wtxid)
     ORDER BY m.hash, m.node_id, m.wtxid
    ON CONFLICT (hash, node_id, wtxid) DO NOTHING;
END
$$;
COMMENT ON FUNCTION peerscope.digest_compact_missing(date) IS
    'The digest''s part ''compact_missing'': stores why nodes lacked transactions of compact blocks of a UTC day, for those not judged yet, in compact_missing_cause.';

DROP VIEW IF EXISTS peerscope.compact_missing CASCADE;
CREATE VIEW peerscope.compact_missing AS
SELECT c.hash AS block_hash,
       n.name AS node,
       c.wtxid,
       c.why,
       c.at
  FROM peerscope.compact_missing_cause c
  JOIN peerscope.node n ON n.node_id = c.node_id;

COMMENT ON VIEW peerscope.compact_missing IS
    'Transactions that nodes had to ask for to complete a compact block, and why they lacked them.';
COMMENT ON COLUMN peerscope.compact_missing.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.compact_missing.node IS 'The node.';
COMMENT ON COLUMN peerscope.compact_missing.wtxid IS 'Witness transaction id in wire order.';
COMMENT ON COLUMN peerscope.compact_missing.why IS 'never_announced: no peer had, that day or the day before, and the hour before, or all since the process began, was captured without gap. in_flight: announced, but not received yet. rejected: with Core''s reason, the node had refused it. evicted: it had been in the mempool and had left, for whatever reason. unknown: it was in the mempool, or received and neither accepted nor refused, or capture cannot tell.';
COMMENT ON COLUMN peerscope.compact_missing.at IS 'When it came, in corrected time.';
