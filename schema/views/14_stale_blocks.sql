-- Blocks that lost: another one of their height is in the chain that most nodes ended up on.

-- Each node stands for the block it connected last at a height. Between as many nodes the branch that grew further
-- wins, then the block seen first. A height belongs to the day of its first block; its rivals are looked for among the
-- blocks of the day after. A fleet may have nodes of several networks, whose blocks are no rivals: those have the same
-- ancestor 288 blocks below, or where known headers begin. A block whose header nobody knows is taken for any other's.
CREATE OR REPLACE FUNCTION peerscope.store_stale_heights(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    WITH RECURSIVE same AS MATERIALIZED (
        SELECT * FROM (
            SELECT hash, day, height, t0, first_node_id, count(*) OVER (PARTITION BY height) AS blocks
              FROM block_summary
             WHERE day BETWEEN of_day - 1 AND of_day + 1 AND height IS NOT NULL) b
         WHERE blocks > 1
    ),
    ancestor AS (
        SELECT s.hash, h.prev_hash, 1 AS below FROM same s JOIN block_header h ON h.hash = s.hash
        UNION ALL
        SELECT a.hash, h.prev_hash, a.below + 1
          FROM ancestor a JOIN block_header h ON h.hash = a.prev_hash WHERE a.below < 288
    ),
    base AS (
        SELECT DISTINCT ON (hash) hash, prev_hash FROM ancestor ORDER BY hash, below DESC
    ),
    rooted AS (
        SELECT s.hash, s.day, s.height, s.t0, s.first_node_id,
               coalesce(b.prev_hash, first_value(b.prev_hash) OVER (PARTITION BY s.height ORDER BY b.prev_hash)) AS base
          FROM same s LEFT JOIN base b USING (hash)
    ),
    rival AS MATERIALIZED (
        SELECT * FROM (
            SELECT *, count(*) OVER h AS rivals, min(day) OVER h AS first_day
              FROM rooted WINDOW h AS (PARTITION BY height, base)) r
         WHERE rivals > 1 AND first_day = of_day
    ),
    connect AS (
        SELECT DISTINCT ON (c.node_id, r.base, r.height) c.node_id, c.hash
          FROM rival r
          JOIN block_connected c ON c.hash = r.hash
         WHERE c.ts >= since - interval '1 day' AND c.ts < until + interval '2 days'
         ORDER BY c.node_id, r.base, r.height, c.clk DESC, c.ts DESC, c.seq DESC
    ),
    vote AS (
        SELECT hash, count(*) AS nodes FROM connect GROUP BY hash
    ),
    branch AS (
        SELECT hash AS root, hash, 0 AS above FROM rival
        UNION ALL
        SELECT b.root, h.hash, b.above + 1
          FROM branch b JOIN block_header h ON h.prev_hash = b.hash WHERE b.above < 12
    ),
    grown AS (
        SELECT root AS hash, max(above) AS above FROM branch GROUP BY root
    ),
    ranked AS (
        SELECT r.*, rank() OVER best AS place, first_value(r.hash) OVER best AS kept_hash
          FROM rival r
          LEFT JOIN vote v USING (hash)
          LEFT JOIN grown g USING (hash)
        WINDOW best AS (PARTITION BY r.height, r.base
                        ORDER BY coalesce(v.nodes, 0) DESC, g.above DESC, r.t0, r.hash)
    ),
    wanted AS MATERIALIZED (
        SELECT height, array_agg(hash ORDER BY t0, hash) AS block_hashes,
               array_agg(first_node_id ORDER BY t0, hash) AS first_node_ids,
               array_agg(t0 ORDER BY t0, hash) AS first_times, kept_hash
          FROM ranked WHERE place > 1 GROUP BY height, kept_hash
    ),
    gone AS (
        DELETE FROM stale_height
         WHERE day = of_day AND (height, kept_hash) NOT IN (SELECT height, kept_hash FROM wanted)
    )
    INSERT INTO stale_height AS s (day, height, kept_hash, block_hashes, first_node_ids, first_times)
    SELECT of_day, height, kept_hash, block_hashes, first_node_ids, first_times FROM wanted
    ON CONFLICT (day, height, kept_hash) DO UPDATE
       SET block_hashes = excluded.block_hashes, first_node_ids = excluded.first_node_ids,
           first_times = excluded.first_times
     WHERE s IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_stale_heights(date) IS
    'Stores stale_height of a UTC day anew, from block_summary, block_header and block_connected.';

DROP VIEW IF EXISTS peerscope.stale_blocks CASCADE;
CREATE VIEW peerscope.stale_blocks AS
SELECT s.height,
       s.block_hashes,
       f.nodes AS first_nodes,
       s.first_times,
       s.day,
       s.kept_hash
  FROM peerscope.stale_height s
 CROSS JOIN LATERAL (
       SELECT array_agg(n.name ORDER BY i.place) AS nodes
         FROM unnest(s.first_node_ids) WITH ORDINALITY AS i (node_id, place)
         LEFT JOIN peerscope.node n ON n.node_id = i.node_id) f;

COMMENT ON VIEW peerscope.stale_blocks IS
    'Heights with blocks that are not in the chain most nodes ended up on. Blocks of which no node had more than the header count too.';
COMMENT ON COLUMN peerscope.stale_blocks.height IS 'Height; of a block that no node connected, by its ancestors.';
COMMENT ON COLUMN peerscope.stale_blocks.block_hashes IS 'The stale blocks, hashes in wire order, the first seen first.';
COMMENT ON COLUMN peerscope.stale_blocks.first_nodes IS 'For each of them, the node that first knew its header.';
COMMENT ON COLUMN peerscope.stale_blocks.first_times IS 'For each of them, when that was, in corrected time.';
COMMENT ON COLUMN peerscope.stale_blocks.day IS 'UTC day on which the fleet got to know the height''s first block.';
COMMENT ON COLUMN peerscope.stale_blocks.kept_hash IS 'The block that stayed, in wire order: the one most nodes connected last at this height; while as many have another, the one whose branch grew further, else the one seen first.';
