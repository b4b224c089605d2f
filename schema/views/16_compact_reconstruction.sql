-- How well compact blocks (BIP152) do their work: the less a node has to ask for, the closer its mempool is to the miner's.

CREATE OR REPLACE FUNCTION peerscope.store_compact(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT a.node_id, count(*)::int AS blocks, count(*) FILTER (WHERE a.s3_ts IS NULL)::int AS without_request,
               coalesce(sum(a.prefilled), 0) AS prefilled, coalesce(sum(a.requested_tx), 0) AS requested_tx,
               coalesce(sum(a.requested_bytes), 0) AS requested_bytes,
               count(*) FILTER (WHERE a.high_bandwidth)::int AS high_bandwidth
          FROM block_life l
          JOIN block_arrival a ON a.node_id = l.node_id AND a.hash = l.hash
         WHERE l.day = of_day AND a.mode IN ('compact', 'compact+blocktxn')
         GROUP BY a.node_id
    ),
    gone AS (
        DELETE FROM compact_day WHERE day = of_day AND node_id NOT IN (SELECT node_id FROM wanted)
    )
    INSERT INTO compact_day AS d
           (day, node_id, blocks, without_request, prefilled, requested_tx, requested_bytes, high_bandwidth)
    SELECT of_day, node_id, blocks, without_request, prefilled, requested_tx, requested_bytes, high_bandwidth FROM wanted
    ON CONFLICT (day, node_id) DO UPDATE
       SET blocks = excluded.blocks, without_request = excluded.without_request, prefilled = excluded.prefilled,
           requested_tx = excluded.requested_tx, requested_bytes = excluded.requested_bytes,
           high_bandwidth = excluded.high_bandwidth
     WHERE d IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_compact(date) IS
    'Stores compact_day of a UTC day anew, from block_arrival.';

DROP VIEW IF EXISTS peerscope.compact_reconstruction CASCADE;
CREATE VIEW peerscope.compact_reconstruction AS
SELECT n.name AS node,
       d.day,
       d.blocks,
       100.0::float8 * d.without_request / d.blocks AS without_request_pct,
       d.prefilled,
       d.requested_tx,
       d.requested_bytes,
       100.0::float8 * d.high_bandwidth / d.blocks AS hb_pct
  FROM peerscope.compact_day d
  JOIN peerscope.node n ON n.node_id = d.node_id;

COMMENT ON VIEW peerscope.compact_reconstruction IS
    'Blocks that a node put together from compact blocks, by day. A compact block that failed, so that the node fetched the whole block, is not among them.';
COMMENT ON COLUMN peerscope.compact_reconstruction.node IS 'The node.';
COMMENT ON COLUMN peerscope.compact_reconstruction.day IS 'UTC day on which the fleet got to know the blocks.';
COMMENT ON COLUMN peerscope.compact_reconstruction.blocks IS 'Blocks.';
COMMENT ON COLUMN peerscope.compact_reconstruction.without_request_pct IS 'Per cent of them for which the node had every transaction, and sent no getblocktxn.';
COMMENT ON COLUMN peerscope.compact_reconstruction.prefilled IS 'Transactions that came prefilled in them, the coinbases included.';
COMMENT ON COLUMN peerscope.compact_reconstruction.requested_tx IS 'Transactions the node asked for.';
COMMENT ON COLUMN peerscope.compact_reconstruction.requested_bytes IS 'Payload bytes of the answers.';
COMMENT ON COLUMN peerscope.compact_reconstruction.hb_pct IS 'Per cent of them whose compact block came without being asked for (high-bandwidth mode).';
