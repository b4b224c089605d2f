-- Why a node lacked a transaction of a compact block.

-- Judged at the moment the node asked for it. What came later of an acceptance's end and a refusal decides; a
-- node that was announced a transaction and had not got it yet was waiting for it. That nobody announced it can only
-- be said where all that the node received in the hour before was captured, or since its process began.
--
-- Judged once: a node's events come in order, so that all before the block is there when the block is; and they are
-- kept for days, the verdict for longer.
CREATE OR REPLACE FUNCTION peerscope.digest_compact_missing(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp SET jit = off
    AS $$
DECLARE
    since timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    -- Each step adds what one table tells to the same rows, so that every table is asked by its index.
    WITH missing AS (
        SELECT m.hash, m.node_id, m.run_id, m.wtxid, m.txid, corrected(m.ts, c.corr_ns) AS at,
               -- The request went out before its answer came; where capture missed it, the answer has to do.
               least(coalesce(a.s3_ts, m.ts), m.ts) AS asked_at
          FROM compact_missing_tx m
          LEFT JOIN block_arrival a ON a.node_id = m.node_id AND a.hash = m.hash
          LEFT JOIN clock_segment c ON c.node_id = m.node_id AND c.clk = m.clk
         WHERE m.ts >= since AND m.ts < until
           AND (m.hash, m.node_id, m.wtxid) NOT IN (
               SELECT k.hash, k.node_id, k.wtxid FROM compact_missing_cause k WHERE k.day = of_day)
    ),
    stay AS (
        SELECT m.*, bool_or(e.added_at IS NOT NULL AND (e.removed_at IS NULL OR e.removed_at > m.asked_at)) AS inside,
               max(e.removed_at) AS left_at
          FROM missing m
          LEFT JOIN mempool_entry e ON e.node_id = m.node_id AND e.run_id = m.run_id AND e.txid = m.txid
           AND e.added_at <= m.asked_at
         GROUP BY m.hash, m.node_id, m.run_id, m.wtxid, m.txid, m.at, m.asked_at
    ),
    refused AS (
        SELECT DISTINCT ON (m.hash, m.node_id, m.wtxid) m.*, r.ts AS refused_at, r.reason
          FROM stay m
          LEFT JOIN mempool_rejected r ON r.txid = m.txid AND r.node_id = m.node_id
           AND r.ts >= since - interval '1 day' AND r.ts < until AND r.ts <= m.asked_at
         ORDER BY m.hash, m.node_id, m.wtxid, r.clk DESC NULLS LAST, r.ts DESC, r.seq DESC
    ),
    announced AS (
        SELECT m.hash, m.node_id, m.run_id, m.wtxid, m.at, m.asked_at, m.inside, m.left_at, m.refused_at, m.reason,
               bool_or(s.ts IS NOT NULL) AS announced
          FROM refused m
         CROSS JOIN LATERAL (VALUES (m.wtxid), (m.txid)) AS id (id)
          LEFT JOIN tx_sighting s ON s.hash = id.id AND s.node_id = m.node_id
           AND s.ts >= since - interval '1 day' AND s.ts < until AND s.ts <= m.asked_at
         GROUP BY m.hash, m.node_id, m.run_id, m.wtxid, m.at, m.asked_at, m.inside, m.left_at, m.refused_at, m.reason
    ),
    received AS (
        SELECT m.hash, m.node_id, m.run_id, m.wtxid, m.at, m.asked_at, m.inside, m.left_at, m.refused_at, m.reason,
               m.announced, bool_or(s.ts IS NOT NULL) AS received
          FROM announced m
          LEFT JOIN tx_seen s ON s.wtxid = m.wtxid AND s.node_id = m.node_id AND s.inbound AND s.msg_type = 'tx'
           AND s.ts >= since - interval '1 day' AND s.ts < until AND s.ts <= m.asked_at
         GROUP BY m.hash, m.node_id, m.run_id, m.wtxid, m.at, m.asked_at, m.inside, m.left_at, m.refused_at, m.reason,
                  m.announced
    ),
    captured AS (
        SELECT m.hash, m.node_id, m.wtxid, m.at, m.inside, m.left_at, m.refused_at, m.reason, m.announced, m.received,
               bool_or(coalesce(i.valid_from <= greatest(m.asked_at - interval '1 hour',
                                                         r.started_at + interval '10 seconds'), false)) AS captured
          FROM received m
          LEFT JOIN process_run r ON r.node_id = m.node_id AND r.run_id = m.run_id
          LEFT JOIN capture_interval i ON i.node_id = m.node_id AND i.run_id = m.run_id
           AND i.tracepoint = 'net:inbound_message' AND (i.valid_to IS NULL OR i.valid_to >= m.asked_at)
         GROUP BY m.hash, m.node_id, m.wtxid, m.at, m.inside, m.left_at, m.refused_at, m.reason, m.announced, m.received
    )
    INSERT INTO compact_missing_cause (hash, node_id, wtxid, day, at, why)
    SELECT hash, node_id, wtxid, of_day, at,
           CASE WHEN inside THEN 'unknown'
                WHEN left_at IS NOT NULL AND (refused_at IS NULL OR left_at > refused_at) THEN 'evicted'
                WHEN refused_at IS NOT NULL THEN 'rejected: ' || reason
                WHEN received THEN 'unknown'
                WHEN announced THEN 'in_flight'
                WHEN captured THEN 'never_announced'
                ELSE 'unknown' END
      FROM captured
     ORDER BY hash, node_id, wtxid
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
