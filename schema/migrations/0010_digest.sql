-- What only many nodes together show is computed by day from what the writers keep per node, and stored: so a view
-- over any span costs what its answer costs, whatever lies before.
--
-- A writer marks the days its rows fall into as dirty, in its own transaction. CALL peerscope.digest() computes those
-- days anew, each part of the digest in a transaction of its own: peerscope.digest_<part>(day) replaces what the part
-- had stored of that day. A part reads per-node rollups, and of event tables only the partitions of the day and its
-- neighbours. What it stores depends on the rows alone: computing a day twice changes nothing. The procedure, and which days
-- it takes, is in schema/views/03_digest_days.sql.

CREATE TABLE peerscope.dirty_day (
    node_id    int NOT NULL,
    day        date NOT NULL,
    generation bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (node_id, day)
);
COMMENT ON TABLE peerscope.dirty_day IS
    'Days with rows that the digest has not seen. Written in the writer''s transaction, removed by the digest.';
COMMENT ON COLUMN peerscope.dirty_day.node_id IS 'The node that has new rows.';
COMMENT ON COLUMN peerscope.dirty_day.day IS 'Their day, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.dirty_day.generation IS 'Moves with each transaction: what the digest saw is removed, what came meanwhile is not.';

CREATE TABLE peerscope.digest_part (
    part        text,
    ordinal     int NOT NULL,
    description text NOT NULL,
    PRIMARY KEY (part)
);
COMMENT ON TABLE peerscope.digest_part IS
    'The parts of the digest, in their order: each is a function peerscope.digest_<part>(date).';
COMMENT ON COLUMN peerscope.digest_part.part IS 'Name of the part.';
COMMENT ON COLUMN peerscope.digest_part.ordinal IS 'Order: a part may read what earlier ones stored.';
COMMENT ON COLUMN peerscope.digest_part.description IS 'What it stores.';

CREATE TABLE peerscope.digest_state (
    day         date NOT NULL,
    part        text NOT NULL,
    computed_at timestamptz NOT NULL,
    duration_ms float8 NOT NULL,
    error       text,
    PRIMARY KEY (day, part)
);
COMMENT ON TABLE peerscope.digest_state IS
    'When each part of the digest last computed a day, and whether it failed.';
COMMENT ON COLUMN peerscope.digest_state.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope.digest_state.part IS 'The part.';
COMMENT ON COLUMN peerscope.digest_state.computed_at IS 'When it was computed: rows committed after that are not in it.';
COMMENT ON COLUMN peerscope.digest_state.duration_ms IS 'How long that took.';
COMMENT ON COLUMN peerscope.digest_state.error IS 'Why the last attempt failed, in which case the stored rows are those of the attempt before; NULL when it did not.';

INSERT INTO peerscope.retention (table_name, keep, note) VALUES ('digest_state', '1 year', NULL);
