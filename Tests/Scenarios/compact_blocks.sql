-- A node puts blocks together with and without asking, in high and low bandwidth mode; and each reason for which it may lack a
-- transaction.
\ir lib/blocks.sql

SELECT scenario.node('n1');
SELECT scenario.node('n2');

SELECT scenario.header('n1', '12:00:00', b, 'parent of ' || b) FROM unnest(ARRAY['easy', 'asked', 'slow', 'whole', 'own', 'failed']) b;
-- Unasked, with two prefilled transactions, and everything known.
SELECT scenario.message('n1', '12:00:00', 'easy', 'cmpctblock', 1, true, NULL, 12000, 2, 1998);
SELECT scenario.connect('n1', '12:00:00.1', 'easy', 100);
-- In low bandwidth mode: announced, asked for, and six transactions are missing.
SELECT scenario.message('n1', '12:10:00', 'asked', 'headers', 2, true);
SELECT scenario.message('n1', '12:10:00.1', 'asked', 'getdata', 2, false);
SELECT scenario.message('n1', '12:10:00.2', 'asked', 'cmpctblock', 2, true, NULL, 12000, 1, 1999);
SELECT scenario.message('n1', '12:10:00.3', 'asked', 'getblocktxn', 2, false, 6, 40);
SELECT scenario.message('n1', '12:10:00.5', 'asked', 'blocktxn', 2, true, 6, 3000);
SELECT scenario.connect('n1', '12:10:00.6', 'asked', 101);
-- Two peers send it unasked; the first is asked for three transactions and never answers, the second for the same three.
SELECT scenario.message('n1', '12:20:00', 'slow', 'cmpctblock', 1, true, NULL, 12000, 1, 1999);
SELECT scenario.message('n1', '12:20:00.1', 'slow', 'getblocktxn', 1, false, 3, 40);
SELECT scenario.message('n1', '12:20:00.2', 'slow', 'cmpctblock', 3, true, NULL, 12000, 1, 1999);
SELECT scenario.message('n1', '12:20:00.3', 'slow', 'getblocktxn', 3, false, 3, 40);
SELECT scenario.message('n1', '12:20:00.5', 'slow', 'blocktxn', 3, true, 3, 900);
SELECT scenario.connect('n1', '12:20:00.6', 'slow', 102);
-- A whole block, and one that was mined here, are no compact blocks.
SELECT scenario.message('n1', '12:30:00', 'whole', 'headers', 2, true);
SELECT scenario.message('n1', '12:30:00.1', 'whole', 'getdata', 2, false);
SELECT scenario.message('n1', '12:30:00.2', 'whole', 'block', 2, true, NULL, 1500000);
SELECT scenario.connect('n1', '12:30:00.4', 'whole', 103);
SELECT scenario.connect('n1', '12:40:00', 'own', 104);
-- One that does not fit together: the peer that sent it is asked for the whole block.
SELECT scenario.message('n1', '12:45:00', 'failed', 'cmpctblock', 1, true, NULL, 12000, 5, 1995);
SELECT scenario.message('n1', '12:45:00.1', 'failed', 'getdata', 1, false);
SELECT scenario.message('n1', '12:45:00.2', 'failed', 'block', 1, true, NULL, 1500000);
SELECT scenario.connect('n1', '12:45:00.4', 'failed', 105);
-- n2 had seen the six as well.
SELECT scenario.message('n2', '12:10:00', 'asked', 'cmpctblock', 4, true, NULL, 12000, 1, 1999);
SELECT scenario.connect('n2', '12:10:00.1', 'asked', 101);

CREATE FUNCTION scenario.tx(node text, block text, tx text, at text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO peerscope.compact_missing_tx (node_id, hash, wtxid, txid, run_id, peer_id, ts, clk, size)
  VALUES (scenario.id(node), scenario.known(block), scenario.known(tx), scenario.known('txid of ' || tx), scenario.run(node), 2,
          scenario.clock(node, at), 1, 300)
$$;
CREATE FUNCTION scenario.announced(node text, at text, tx text, is_wtxid bool DEFAULT true) RETURNS void LANGUAGE sql AS $$
  INSERT INTO peerscope.tx_sighting (node_id, run_id, ts, clk, seq, peer_id, hash, is_wtxid, via)
  VALUES (scenario.id(node), scenario.run(node), scenario.clock(node, at), 1, nextval('scenario.seq'), 9,
          CASE WHEN is_wtxid THEN scenario.hash(tx) ELSE scenario.hash('txid of ' || tx) END, is_wtxid, 'inv')
$$;
CREATE FUNCTION scenario.accepted(node text, at text, tx text, until text DEFAULT NULL, reason text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO peerscope.mempool_entry (node_id, run_id, txid, added_at, clk, vsize, fee, removed_at, reason)
  VALUES (scenario.id(node), scenario.run(node), scenario.hash('txid of ' || tx), scenario.clock(node, at), 1, 200, 400,
          scenario.clock(node, until), reason)
$$;
CREATE FUNCTION scenario.refused(node text, at text, tx text, reason text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO peerscope.mempool_rejected (node_id, run_id, ts, clk, seq, txid, reason)
  VALUES (scenario.id(node), scenario.run(node), scenario.clock(node, at), 1, nextval('scenario.seq'),
          scenario.hash('txid of ' || tx), reason)
$$;

-- The request for `asked` went out at 12:10:00.3.
SELECT scenario.tx('n1', 'asked', tx, '12:10:00.5')
  FROM unnest(ARRAY['private', 'late', 'announced by txid', 'after the request', 'too cheap', 'refused, then evicted',
                    'evicted, then refused', 'evicted', 'replaced', 'in the mempool', 'received']) tx;
SELECT scenario.announced('n1', '12:10:00.29', 'late');
SELECT scenario.announced('n1', '12:09:58', 'announced by txid', false);
SELECT scenario.announced('n1', '12:10:00.4', 'after the request');
SELECT scenario.announced('n1', '12:00:00', 'too cheap'), scenario.refused('n1', '12:00:02', 'too cheap', 'min relay fee not met');
SELECT scenario.refused('n1', '11:00:00', 'refused, then evicted', 'missing inputs'),
       scenario.accepted('n1', '11:01:00', 'refused, then evicted', '12:05:00', 'sizelimit');
SELECT scenario.accepted('n1', '11:01:00', 'evicted, then refused', '12:05:00', 'sizelimit'),
       scenario.refused('n1', '12:06:00', 'evicted, then refused', 'mempool min fee not met');
SELECT scenario.accepted('n1', '02:00:00', 'evicted', '12:00:00', 'expiry');
SELECT scenario.accepted('n1', '12:00:00', 'replaced', '12:01:00', 'replaced');
-- In there at the request, and mined by this very block after it.
SELECT scenario.accepted('n1', '12:00:00', 'in the mempool', '12:10:00.6', 'block');
SELECT scenario.announced('n1', '12:00:00', 'received');
INSERT INTO peerscope.tx_seen (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, txid, wtxid, size, vsize)
VALUES (scenario.id('n1'), scenario.run('n1'), scenario.clock('n1', '12:00:03'), 1, nextval('scenario.seq'), 9, true, 'tx',
        scenario.hash('txid of received'), scenario.hash('received'), 300, 200);
-- What another node was told is no business of this one.
SELECT scenario.announced('n2', '12:00:00', 'private'), scenario.refused('n2', '12:00:00', 'late', 'dust'),
       scenario.accepted('n2', '11:00:00', 'private', '11:30:00', 'expiry');
-- Where capture began half an hour before the block, nobody can say that it was never announced.
UPDATE peerscope.capture_interval SET valid_from = scenario.clock('n2', '11:40:00') WHERE node_id = scenario.id('n2');
SELECT scenario.message('n2', '12:10:00.05', 'asked', 'getblocktxn', 4, false, 1, 34);
SELECT scenario.tx('n2', 'asked', 'unheard of', '12:10:00.08');

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- n1: easy, asked and slow; the first without a request. Prefilled 2 + 1 + 1; asked for 6 + 3 + 3; 3000 + 900 bytes came; easy and
-- slow were unasked. n2: one block, one request without its answer.
SELECT scenario.expect('a day of compact blocks in numbers',
  $$ SELECT node, day, blocks, round(without_request_pct::numeric, 3) AS without, prefilled, requested_tx, requested_bytes,
            round(hb_pct::numeric, 3) AS hb
       FROM peerscope.compact_reconstruction ORDER BY node $$,
  $$
  n1|2026-07-01|3|33.333|4|12|3900|66.667
  n2|2026-07-01|1|0.000|1|1|0|100.000
  $$);

SELECT scenario.expect('block_arrival tells of the copy that completed the block',
  $$ SELECT scenario.name_of(hash) AS block, mode, completed_by, completed_run = scenario.run('n1') AS run, prefilled, short_ids,
            high_bandwidth, requested_tx, requested_bytes, transactions, inputs, sigops_cost, removed
       FROM peerscope.block_arrival WHERE node_id = scenario.id('n1') ORDER BY height $$,
  $$
  easy|compact|1|true|2|1998|true|∅|∅|2000|5001|8000|0
  asked|compact+blocktxn|2|true|1|1999|false|6|3000|2000|5001|8000|0
  slow|compact+blocktxn|3|true|1|1999|true|6|900|2000|5001|8000|0
  whole|block|2|true|∅|∅|∅|∅|∅|2000|5001|8000|0
  own|local|∅|∅|∅|∅|∅|∅|∅|2000|5001|8000|0
  failed|block|1|true|∅|∅|∅|∅|∅|2000|5001|8000|0
  $$);

SELECT scenario.expect('why each transaction was missing',
  $$ SELECT node, scenario.name_of(wtxid) AS tx, why, to_char(at, 'HH24:MI:SS.MS') AS at FROM peerscope.compact_missing
      ORDER BY node, tx $$,
  $$
  n1|after the request|never_announced|12:10:00.500
  n1|announced by txid|in_flight|12:10:00.500
  n1|evicted|evicted|12:10:00.500
  n1|evicted, then refused|rejected: mempool min fee not met|12:10:00.500
  n1|in the mempool|unknown|12:10:00.500
  n1|late|in_flight|12:10:00.500
  n1|private|never_announced|12:10:00.500
  n1|received|unknown|12:10:00.500
  n1|refused, then evicted|evicted|12:10:00.500
  n1|replaced|evicted|12:10:00.500
  n1|too cheap|rejected: min relay fee not met|12:10:00.500
  n2|unheard of|unknown|12:10:00.080
  $$);

-- The events behind a verdict are kept for days, the verdict for longer.
TRUNCATE peerscope.tx_sighting, peerscope.mempool_entry, peerscope.mempool_rejected, peerscope.tx_seen;
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('n1'), '2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('a verdict outlives what it rests on',
  $$ SELECT why, count(*) FROM peerscope.compact_missing WHERE node = 'n1' AND why LIKE 'rejected%' GROUP BY why ORDER BY why $$,
  $$
  rejected: mempool min fee not met|1
  rejected: min relay fee not met|1
  $$);

-- 100 transactions leave the mempool for a block after it was connected: a later transaction of the writer tells.
SELECT scenario.connect('n1', '12:50:00', 'last', 106);
SELECT scenario.commit();
UPDATE peerscope.validation_window SET removed = 100 WHERE hash = scenario.hash('last');
SELECT scenario.commit();
SELECT scenario.expect('what left the mempool for a block is counted with it',
  $$ SELECT removed FROM peerscope.block_arrival WHERE hash = scenario.hash('last') $$, '100');
