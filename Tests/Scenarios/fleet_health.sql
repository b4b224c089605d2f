-- Two nodes: one in good order, one that misses a probe, lost events, was blind, and whose clock contradicts itself.
INSERT INTO peerscope.node (node_id, name) VALUES (1, 'well'), (2, 'ill'), (3, 'new');
INSERT INTO peerscope.agent (agent_id, version) VALUES ('host', '0.1.0');
SELECT peerscope.ensure_day('2026-07-01');

-- The well node's clock is 2 s behind the fleet's: 12:00:00 there is 12:00:02, and its batch was committed 0.25 s later.
INSERT INTO peerscope.stream (node_id, stream_id, agent_id, first_seq, durable_seq, records, gap_seqs, last_event_at, last_batch_at)
VALUES (1, 11, 'host', 1, 100, 100, 0, '2026-07-01 12:00:00Z', '2026-07-01 12:00:02.25Z'),
       (2, 21, 'host', 1, 100, 90, 10, '2026-07-01 12:00:00Z', '2026-07-01 12:00:01Z'),
       -- An older stream of the same node, of a state folder that is gone.
       (2, 20, 'host', 1, 7, 7, 0, '2026-06-01 12:00:00Z', '2026-06-01 12:00:01Z');
INSERT INTO peerscope.clock_segment (node_id, clk, corr_ns, eps_ns, quality, provisional)
VALUES (1, 1, 5000000000, 1000000, 'exchange', false),  -- not the newest
       (1, 2, 2000000000, 300000, 'exchange', true),
       (2, 1, 0, NULL, 'clock_fault', false);
INSERT INTO peerscope.process_run (node_id, run_id, started_at, user_agent)
VALUES (1, 1, '2026-06-01Z', '/Satoshi:27.0.0/'), (1, 2, '2026-07-01Z', '/Satoshi:30.0.0/');
INSERT INTO peerscope.attached_probe (node_id, tracepoint, dev, inode, attached_at, detached_at, status)
VALUES (1, 'net:inbound_message', 1, 1, '2026-07-01Z', NULL, 'attached'),
       (1, 'net:outbound_message', 1, 1, '2026-07-01Z', NULL, 'attached'),
       (2, 'net:inbound_message', 1, 1, '2026-07-01Z', NULL, 'attached'),
       (2, 'net:outbound_message', 1, 1, '2026-07-01Z', '2026-07-01 01:00Z', 'detached'),
       (2, 'net:misbehaving_connection', 1, 1, '2026-07-01Z', NULL, 'missing');
INSERT INTO peerscope.stream_tracepoint (node_id, stream_id, run_id, ring_epoch, tracepoint, hits, stored, counted, lost_ring, lost_spool)
VALUES (1, 11, 2, 1, 'net:inbound_message', 100, 100, 0, 0, 0),
       (2, 21, 3, 1, 'net:inbound_message', 100, 88, 0, 2, 10);
-- Two probes blind at once for 10 s, overlapping by 5 s: 15 s in all.
INSERT INTO peerscope.event_gap (node_id, stream_id, tracepoint, gap_from, gap_to, reason, declared_by, seq)
VALUES (2, 21, 'net:inbound_message', '2026-07-01 10:00:00Z', '2026-07-01 10:00:10Z', 'blind', 'agent', 5),
       (2, 21, 'net:outbound_message', '2026-07-01 10:00:05Z', '2026-07-01 10:00:15Z', 'blind', 'agent', 6);
INSERT INTO peerscope.agent_status (node_id, ts, spool_bytes) VALUES (1, '2026-07-01 12:00Z', 4096);
INSERT INTO peerscope.message_minute (node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes, truncated)
VALUES (1, '2026-07-01 11:58Z', 2, true, 'inv', 'inbound', 10, 500, 1), (1, '2026-07-01 11:59Z', 2, true, 'tx', 'inbound', 10, 500, 2),
       (1, '2026-06-20 11:59Z', 2, true, 'tx', 'inbound', 10, 99999, 7);  -- of another day

SELECT scenario.expect('each node''s capture is described by its newest run, stream and clock segment',
  $$ SELECT node, user_agent, agent_version, probes_attached, probes_missing, lag_s, lost, blind_s, truncated, clock_offset_ms,
            clock_error_ms, clock_quality, spool_bytes
       FROM peerscope.fleet_health ORDER BY node $$,
  $$
  ill|∅|0.1.0|1|2|1|12|15|0|0|∅|clock_fault|∅
  new|∅|∅|0|0|∅|0|0|0|∅|∅|∅|∅
  well|/Satoshi:30.0.0/|0.1.0|2|0|0.25|0|0|3|2000|0.3|exchange|4096
  $$);
