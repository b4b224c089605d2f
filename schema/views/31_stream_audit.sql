-- The two equations of every stream (DESIGN.md, Database contract): nothing is missing without a reason.
DROP VIEW IF EXISTS peerscope.stream_audit CASCADE;
CREATE VIEW peerscope.stream_audit AS
WITH counters AS (
    SELECT node_id, stream_id,
           sum(hits) AS hits, sum(stored) AS stored, sum(counted) AS counted,
           sum(lost_ring + lost_unreadable + lost_user + lost_spool + lost_quarantine) AS lost,
           sum(abs(hits - stored - counted
                   - (lost_ring + lost_unreadable + lost_user + lost_spool + lost_quarantine))) AS unexplained
      FROM peerscope.stream_tracepoint
     GROUP BY node_id, stream_id
)
SELECT n.name AS node,
       s.stream_id,
       s.first_seq,
       s.durable_seq,
       s.records,
       coalesce(c.hits, 0)::bigint AS hits,
       coalesce(c.stored, 0)::bigint AS stored,
       coalesce(c.counted, 0)::bigint AS counted,
       coalesce(c.lost, 0)::bigint AS declared_lost,
       coalesce(b.blind_s, 0) AS blind_s,
       (abs(s.durable_seq - s.first_seq + 1 - s.records - s.gap_seqs) + coalesce(c.unexplained, 0))::bigint
           AS unexplained,
       s.gap_seqs
  FROM peerscope.stream s
  JOIN peerscope.node n USING (node_id)
  LEFT JOIN counters c USING (node_id, stream_id)
  LEFT JOIN peerscope.blind_time b USING (node_id, stream_id);

COMMENT ON VIEW peerscope.stream_audit IS
    'Per stream: durable_seq - first_seq + 1 = records + gap_seqs, and per process and tracepoint hits = stored + counted + lost. unexplained sums what is left over of both and must be 0.';
COMMENT ON COLUMN peerscope.stream_audit.node IS 'The node.';
COMMENT ON COLUMN peerscope.stream_audit.stream_id IS 'The stream.';
COMMENT ON COLUMN peerscope.stream_audit.first_seq IS 'First sequence number applied.';
COMMENT ON COLUMN peerscope.stream_audit.durable_seq IS 'Everything up to here is committed or declared.';
COMMENT ON COLUMN peerscope.stream_audit.records IS 'Records applied.';
COMMENT ON COLUMN peerscope.stream_audit.hits IS 'Times tracepoints fired while attached.';
COMMENT ON COLUMN peerscope.stream_audit.stored IS 'Events stored.';
COMMENT ON COLUMN peerscope.stream_audit.counted IS 'Events counted instead, by policy.';
COMMENT ON COLUMN peerscope.stream_audit.declared_lost IS 'Events lost, of all causes.';
COMMENT ON COLUMN peerscope.stream_audit.blind_s IS 'Seconds without programs attached, whose events nobody could count.';
COMMENT ON COLUMN peerscope.stream_audit.unexplained IS 'Must be 0.';
COMMENT ON COLUMN peerscope.stream_audit.gap_seqs IS 'Sequence numbers declared as gaps.';
