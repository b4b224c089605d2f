-- Why a node lacked a transaction of a compact block.

-- Judged at the moment the node asked for it. What came later of an acceptance's end and a refusal decides; a
-- node that was announced a transaction and had not got it yet was waiting for it. That nobody announced it can only
-- be said where all that the node received in the hour before was captured, or since its process began.
--
-- Judged once: a node's events come in order, so that all before the block is there when the block is; and they are
-- kept for days, the verdict for longer.
CREATE OR REPLACE FUNCTION peerscope.digest_compact_missing(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
DECLARE
    since  timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until  timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    txids  bytea[];
    wtxids bytea[];
BEGIN
    -- Of millions of sightings and refusals, those of the few transactions that were lacking are fetched by their ids, and
    -- joined with statistics of their own: a join with all of them is at the mercy of what the planner knows of a day
    -- that has just begun, and it takes such a day for an empty one.
    DROP TABLE IF EXISTS pg_temp.lacked, pg_temp.lacked_stay, pg_temp.lacked_refusal, pg_temp.lacked_sighting,
                         pg_temp.lacked_receipt;
    CREATE TEMP TABLE lacked ON COMMIT DROP AS
    SELECT m.hash, m.node_id, m.run_id, m.wtxid, m.txid, corrected(m.ts, c.corr_ns) AS at,
           -- The request went out before its answer came; where capture missed it, the answer has to do.
           least(coalesce(a.s3_ts, m.ts), m.ts) AS asked_at
      FROM compact_missing_tx m
      LEFT JOIN block_arrival a ON a.node_id = m.node_id AND a.hash = m.hash
      LEFT JOIN clock_segment c ON c.node_id = m.node_id AND c.clk = m.clk
     WHERE m.ts >= since AND m.ts < until
       AND (m.hash, m.node_id, m.wtxid) NOT IN (
           SELECT k.hash, k.node_id, k.wtxid FROM compact_missing_cause k WHERE k.day = of_day);
    ANALYZE lacked;
    SELECT array_agg(DISTINCT txid), array_agg(DISTINCT wtxid) INTO txids, wtxids FROM lacked;
    IF txids IS NULL THEN
        RETURN;
    END IF;

    CREATE TEMP TABLE lacked_stay ON COMMIT DROP AS
    SELECT m.hash, m.node_id, m.wtxid, bool_or(e.removed_at IS NULL OR e.removed_at > m.asked_at) AS inside,
           max(e.removed_at) AS left_at
      FROM lacked m
      JOIN mempool_entry e ON e.node_id = m.node_id AND e.run_id = m.run_id AND e.txid = m.txid
       AND e.added_at <= m.asked_at
     GROUP BY m.hash, m.node_id, m.wtxid;
    ANALYZE lacked_stay;
    CREATE TEMP TABLE lacked_refusal ON COMMIT DROP AS
    SELECT r.node_id, r.txid, r.clk, r.ts, r.seq, r.reason
      FROM mempool_rejected r
     WHERE r.txid = ANY (txids) AND r.ts >= since - interval '1 day' AND r.ts < until;
    ANALYZE lacked_refusal;
    CREATE TEMP TABLE lacked_sighting ON COMMIT DROP AS
    SELECT s.node_id, s.hash AS id, min(s.ts) AS ts
      FROM tx_sighting s
     WHERE s.hash = ANY (txids || wtxids) AND s.ts >= since - interval '1 day' AND s.ts < until
     GROUP BY s.node_id, s.hash;
    ANALYZE lacked_sighting;
    CREATE TEMP TABLE lacked_receipt ON COMMIT DROP AS
    SELECT s.node_id, s.wtxid, min(s.ts) AS ts
      FROM tx_seen s
     WHERE s.wtxid = ANY (wtxids) AND s.inbound AND s.msg_type = 'tx'
       AND s.ts >= since - interval '1 day' AND s.ts < until
     GROUP BY s.node_id, s.wtxid;
    ANALYZE lacked_receipt;

    INSERT INTO compact_missing_cause (hash, node_id, wtxid, day, at, why)
    WITH refused AS (
        SELECT DISTINCT ON (m.hash, m.node_id, m.wtxid) m.hash, m.node_id, m.wtxid, r.ts AS refused_at, r.reason
          FROM lacked m
          JOIN lacked_refusal r ON r.txid = m.txid AND r.node_id = m.node_id AND r.ts <= m.asked_at
         ORDER BY m.hash, m.node_id, m.wtxid, r.clk DESC, r.ts DESC, r.seq DESC
    ),
    -- All that its process received in the hour before was captured, or since it began.
    captured AS (
        SELECT DISTINCT m.node_id, m.run_id, m.asked_at
          FROM (SELECT DISTINCT node_id, run_id, asked_at FROM lacked) m
          LEFT JOIN process_run r ON r.node_id = m.node_id AND r.run_id = m.run_id
          JOIN capture_interval i ON i.node_id = m.node_id AND i.run_id = m.run_id
           AND i.tracepoint = 'net:inbound_message' AND (i.valid_to IS NULL OR i.valid_to >= m.asked_at)
           AND i.valid_from <= greatest(m.asked_at - interval '1 hour', r.started_at + interval '10 seconds')
    )
    SELECT m.hash, m.node_id, m.wtxid, of_day, m.at,
           CASE WHEN s.inside THEN 'unknown'
                WHEN s.left_at IS NOT NULL AND (f.refused_at IS NULL OR s.left_at > f.refused_at) THEN 'evicted'
                WHEN f.refused_at IS NOT NULL THEN 'rejected: ' || f.reason
                WHEN g.ts IS NOT NULL THEN 'unknown'
                WHEN w.ts IS NOT NULL OR t.ts IS NOT NULL THEN 'in_flight'
                WHEN c.node_id IS NOT NULL THEN 'never_announced'
                ELSE 'unknown' END
      FROM lacked m
      LEFT JOIN lacked_stay s USING (hash, node_id, wtxid)
      LEFT JOIN refused f USING (hash, node_id, wtxid)
      LEFT JOIN lacked_receipt g ON g.wtxid = m.wtxid AND g.node_id = m.node_id AND g.ts <= m.asked_at
      LEFT JOIN lacked_sighting w ON w.id = m.wtxid AND w.node_id = m.node_id AND w.ts <= m.asked_at
      LEFT JOIN lacked_sighting t ON t.id = m.txid AND t.node_id = m.node_id AND t.ts <= m.asked_at
      LEFT JOIN captured c ON c.node_id = m.node_id AND c.run_id = m.run_id AND c.asked_at = m.asked_at
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
