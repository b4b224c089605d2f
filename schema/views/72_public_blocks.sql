-- Blocks, for sharing. Between nodes only whole seconds are told; how fast a block spread, over all nodes at once, is told in
-- milliseconds.

DROP VIEW IF EXISTS peerscope_public.block_arrivals CASCADE;
CREATE VIEW peerscope_public.block_arrivals WITH (security_barrier) AS
SELECT s.day, s.hash AS block_hash, s.height, n.name AS node, s.stage, date_trunc('second', s.at) AS at
  FROM peerscope.block_skew s
  JOIN peerscope.public_days d ON d.day = s.day
  JOIN peerscope.public_node n ON n.node_id = s.node_id
 WHERE s.at < now() - interval '1 day';
COMMENT ON VIEW peerscope_public.block_arrivals IS
    'When each node reached each stage of a block, to the second.';
COMMENT ON COLUMN peerscope_public.block_arrivals.day IS 'Day on which the fleet first knew of the block, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.block_arrivals.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope_public.block_arrivals.height IS 'Height; NULL when unknown.';
COMMENT ON COLUMN peerscope_public.block_arrivals.node IS 'The node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.block_arrivals.stage IS 's0 first announcement, s1 first request, s2 first compact block, s3 transactions asked for, s4 transactions or block received, s5 first compact block sent on unasked, s6 connected, s7 first announcement after that.';
COMMENT ON COLUMN peerscope_public.block_arrivals.at IS 'When, on the fleet''s common clock, rounded down to a second.';

DROP VIEW IF EXISTS peerscope_public.block_propagation CASCADE;
CREATE VIEW peerscope_public.block_propagation WITH (security_barrier) AS
SELECT s.day, s.hash AS block_hash, s.height, s.stage, date_trunc('second', min(s.at)) AS first_at, count(*) AS nodes,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY s.skew_ms) AS p50_ms,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY s.skew_ms) AS p90_ms,
       max(s.skew_ms) AS max_ms
  FROM peerscope.block_skew s
  JOIN peerscope.public_days d ON d.day = s.day
 WHERE s.at < now() - interval '1 day'
 GROUP BY s.day, s.hash, s.height, s.stage;
COMMENT ON VIEW peerscope_public.block_propagation IS
    'How fast a block reached a stage over all nodes.';
COMMENT ON COLUMN peerscope_public.block_propagation.day IS 'Day on which the fleet first knew of the block, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.block_propagation.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope_public.block_propagation.height IS 'Height; NULL when unknown.';
COMMENT ON COLUMN peerscope_public.block_propagation.stage IS 'As in block_arrivals.';
COMMENT ON COLUMN peerscope_public.block_propagation.first_at IS 'When the first node reached it, on the fleet''s common clock, rounded down to a second.';
COMMENT ON COLUMN peerscope_public.block_propagation.nodes IS 'Nodes that reached it.';
COMMENT ON COLUMN peerscope_public.block_propagation.p50_ms IS 'Median of how far nodes were behind the first, in milliseconds.';
COMMENT ON COLUMN peerscope_public.block_propagation.p90_ms IS 'What nine in ten nodes kept within, in milliseconds.';
COMMENT ON COLUMN peerscope_public.block_propagation.max_ms IS 'How far the last was behind, in milliseconds.';

DROP VIEW IF EXISTS peerscope_public.block_propagation_daily CASCADE;
CREATE VIEW peerscope_public.block_propagation_daily WITH (security_barrier) AS
SELECT p.day, p.stage, p.blocks, p.nodes, p.p50_ms, p.p90_ms, p.p99_ms, p.expected_stale, p.error_ms
  FROM peerscope.block_propagation_daily p
  JOIN peerscope.public_days d ON d.day = p.day;
COMMENT ON VIEW peerscope_public.block_propagation_daily IS
    'How fast the blocks of a day came to our nodes.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.stage IS 'As in block_arrivals.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.blocks IS 'Blocks.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.nodes IS 'Nodes.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.p50_ms IS 'Median delay in milliseconds since the fleet first knew of the block.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.p90_ms IS 'Its ninetieth percentile.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.p99_ms IS 'Its ninety-ninth percentile.';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.expected_stale IS 'Share of blocks to be expected stale at such a mean delay A at our nodes: 1 − exp(−A / 600 s).';
COMMENT ON COLUMN peerscope_public.block_propagation_daily.error_ms IS 'Error of the delays, from the nodes'' clocks, in milliseconds.';

DROP VIEW IF EXISTS peerscope_public.block_pools CASCADE;
CREATE VIEW peerscope_public.block_pools WITH (security_barrier) AS
SELECT p.day, p.pool, p.blocks, p.p50_ms, p.p90_ms, p.p99_ms, p.stale, p.missing_tx
  FROM peerscope.block_pools p
  JOIN peerscope.public_days d ON d.day = p.day;
COMMENT ON VIEW peerscope_public.block_pools IS
    'Blocks of a pool on a day.';
COMMENT ON COLUMN peerscope_public.block_pools.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.block_pools.pool IS 'Who signed the coinbase.';
COMMENT ON COLUMN peerscope_public.block_pools.blocks IS 'Blocks.';
COMMENT ON COLUMN peerscope_public.block_pools.p50_ms IS 'Median of how far our nodes were behind the first, in milliseconds.';
COMMENT ON COLUMN peerscope_public.block_pools.p90_ms IS 'Its ninetieth percentile.';
COMMENT ON COLUMN peerscope_public.block_pools.p99_ms IS 'Its ninety-ninth percentile.';
COMMENT ON COLUMN peerscope_public.block_pools.stale IS 'Blocks of it that lost against another of their height.';
COMMENT ON COLUMN peerscope_public.block_pools.missing_tx IS 'Transactions of its blocks that our nodes had to ask for.';

DROP VIEW IF EXISTS peerscope_public.stale_blocks CASCADE;
CREATE VIEW peerscope_public.stale_blocks WITH (security_barrier) AS
SELECT s.day, s.height, s.block_hashes, s.kept_hash,
       ARRAY(SELECT date_trunc('second', t.at) FROM unnest(s.first_times) WITH ORDINALITY AS t (at, place) ORDER BY t.place)
           AS first_times
  FROM peerscope.stale_blocks s
  JOIN peerscope.public_days d ON d.day = s.day;
COMMENT ON VIEW peerscope_public.stale_blocks IS
    'Heights at which a block lost against another.';
COMMENT ON COLUMN peerscope_public.stale_blocks.day IS 'Day on which the fleet first knew of a block of that height, UTC.';
COMMENT ON COLUMN peerscope_public.stale_blocks.height IS 'The height.';
COMMENT ON COLUMN peerscope_public.stale_blocks.block_hashes IS 'Those that lost, in wire order.';
COMMENT ON COLUMN peerscope_public.stale_blocks.kept_hash IS 'The one that won.';
COMMENT ON COLUMN peerscope_public.stale_blocks.first_times IS 'When the fleet first knew of each that lost, rounded down to a second.';

DROP VIEW IF EXISTS peerscope_public.reorganisations CASCADE;
CREATE VIEW peerscope_public.reorganisations WITH (security_barrier) AS
SELECT r.day, n.name AS node, date_trunc('second', r.at) AS at, r.from_hash, r.to_hash, r.depth, r.from_height
  FROM peerscope.reorganisation r
  JOIN peerscope.public_days d ON d.day = r.day
  JOIN peerscope.public_node n ON n.node_id = r.node_id
 WHERE r.at < now() - interval '1 day';
COMMENT ON VIEW peerscope_public.reorganisations IS
    'Every change of a node to another branch.';
COMMENT ON COLUMN peerscope_public.reorganisations.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.reorganisations.node IS 'The node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.reorganisations.at IS 'When it connected the first block of the new branch, rounded down to a second.';
COMMENT ON COLUMN peerscope_public.reorganisations.from_hash IS 'The tip that was left, in wire order.';
COMMENT ON COLUMN peerscope_public.reorganisations.to_hash IS 'The first block of the new branch that was higher.';
COMMENT ON COLUMN peerscope_public.reorganisations.depth IS 'Blocks disconnected.';
COMMENT ON COLUMN peerscope_public.reorganisations.from_height IS 'Height of the tip that was left.';

DROP VIEW IF EXISTS peerscope_public.compact_reconstruction CASCADE;
CREATE VIEW peerscope_public.compact_reconstruction WITH (security_barrier) AS
SELECT c.day, n.name AS node, c.blocks, 100.0::float8 * c.without_request / nullif(c.blocks, 0) AS without_request_pct, c.prefilled,
       c.requested_tx, c.requested_bytes, 100.0::float8 * c.high_bandwidth / nullif(c.blocks, 0) AS hb_pct
  FROM peerscope.compact_day c
  JOIN peerscope.public_days d ON d.day = c.day
  JOIN peerscope.public_node n ON n.node_id = c.node_id;
COMMENT ON VIEW peerscope_public.compact_reconstruction IS
    'How well a node made blocks of compact blocks on a day.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.node IS 'The node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.blocks IS 'Blocks completed from compact blocks.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.without_request_pct IS 'Percentage for which it needed no transaction it did not have.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.prefilled IS 'Transactions that came with the compact blocks.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.requested_tx IS 'Transactions it asked for.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.requested_bytes IS 'Bytes of the answers.';
COMMENT ON COLUMN peerscope_public.compact_reconstruction.hb_pct IS 'Percentage that came from peers it had asked to announce so (BIP152, high bandwidth).';

DROP VIEW IF EXISTS peerscope_public.block_validation CASCADE;
CREATE VIEW peerscope_public.block_validation WITH (security_barrier) AS
SELECT v.height, n.name AS node, v.cache_state, v.duration_ns, v.inputs, v.duration_ns / nullif(v.inputs - 1, 0)::float8 AS ns_per_input
  FROM peerscope.block_validation v
  JOIN peerscope.public_days d ON d.day = (v.ts AT TIME ZONE 'UTC')::date
  JOIN peerscope.public_node n ON n.node_id = v.node_id;
COMMENT ON VIEW peerscope_public.block_validation IS
    'How long nodes took to connect blocks.';
COMMENT ON COLUMN peerscope_public.block_validation.height IS 'Height of the block: ask by it.';
COMMENT ON COLUMN peerscope_public.block_validation.node IS 'The node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.block_validation.cache_state IS 'State of its coins cache.';
COMMENT ON COLUMN peerscope_public.block_validation.duration_ns IS 'Nanoseconds.';
COMMENT ON COLUMN peerscope_public.block_validation.inputs IS 'Inputs of the block, the coinbase''s included.';
COMMENT ON COLUMN peerscope_public.block_validation.ns_per_input IS 'Nanoseconds an input, without the coinbase''s.';
