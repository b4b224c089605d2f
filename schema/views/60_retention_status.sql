-- What is kept of each table, and what it takes.
DROP VIEW IF EXISTS peerscope.retention_status CASCADE;
CREATE VIEW peerscope.retention_status AS
WITH part AS (
    SELECT i.inhparent, i.inhrelid, right(c.relname, 8) AS day, c.reltuples
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
      JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p' AND p.relnamespace = 'peerscope'::regnamespace
),
parts AS (
    SELECT inhparent, count(*) AS partitions, min(day) AS oldest, sum(greatest(reltuples, 0))::bigint AS rows,
           sum(pg_total_relation_size(inhrelid))::bigint AS bytes
      FROM part GROUP BY inhparent
),
expired AS (
    SELECT regexp_replace(partition, '_[0-9]{8}$', '') AS table_name, count(DISTINCT partition) AS partitions
      FROM peerscope.expired_partitions() GROUP BY 1
)
SELECT r.table_name, r.keep, h.complete_from, h.held_by,
       p.partitions, to_date(p.oldest, 'YYYYMMDD') AS oldest_partition,
       CASE WHEN c.relkind = 'p' THEN coalesce(e.partitions, 0) END AS expired_partitions,
       coalesce(p.rows, greatest(c.reltuples, 0)::bigint) AS rows,
       coalesce(p.bytes, pg_total_relation_size(c.oid)) AS bytes
  FROM peerscope.retention r
  JOIN pg_class c ON c.oid = to_regclass(format('peerscope.%I', r.table_name))
  LEFT JOIN peerscope.retention_horizon h USING (table_name)
  LEFT JOIN parts p ON p.inhparent = c.oid
  LEFT JOIN expired e USING (table_name);

COMMENT ON VIEW peerscope.retention_status IS
    'What is kept of each table and what it takes on disk.';
COMMENT ON COLUMN peerscope.retention_status.table_name IS 'The table.';
COMMENT ON COLUMN peerscope.retention_status.keep IS 'How long rows are to be kept; NULL for ever.';
COMMENT ON COLUMN peerscope.retention_status.complete_from IS 'Day from which on all rows are there; NULL when nothing was ever dropped.';
COMMENT ON COLUMN peerscope.retention_status.held_by IS 'Day whose digest still waits and keeps rows longer than retention asks; NULL when none does.';
COMMENT ON COLUMN peerscope.retention_status.partitions IS 'Partitions by day; NULL for a table without.';
COMMENT ON COLUMN peerscope.retention_status.oldest_partition IS 'Day of the oldest partition, UTC.';
COMMENT ON COLUMN peerscope.retention_status.expired_partitions IS 'Partitions that wait to be dropped: not 0 for long only while something reads them, or when nobody runs the statements of expired_partitions().';
COMMENT ON COLUMN peerscope.retention_status.rows IS 'Rows as the planner estimates them.';
COMMENT ON COLUMN peerscope.retention_status.bytes IS 'Bytes on disk, with indexes and TOAST.';
