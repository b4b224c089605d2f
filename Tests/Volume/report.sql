-- What a fleet takes on disk: bytes of each table per node and day, and for `fleet` nodes over a year under the retention in force.
--
--     psql -v fleet=20 -f Tests/Volume/report.sql          (default 20; `limit_gb` is what must hold it, default 1000)
--
-- Measured in a database that mainnet_day.sql filled at scale 1 and whose digest was computed. What a day adds to a table is
-- counted where the table tells (its last whole day), so that what had been there before the first day does not count. A table
-- with a column node_id grows with the fleet; others do not.
\if :{?fleet}
\else
\set fleet 20
\endif
\if :{?limit_gb}
\else
\set limit_gb 1000
\endif
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TEMP TABLE size (table_name text, partitioned bool, per_node bool, rows bigint, day_rows bigint, heap bigint, indexes bigint, toast bigint);
-- Where rows of a day are to be counted: the column by which rows grow old, or else the one that tells when they came.
CREATE TEMP TABLE came AS
SELECT c.oid, c.relname AS table_name, c.relkind = 'p' AS partitioned,
       (SELECT a.attname FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND format_type(a.atttypid, NULL) IN ('date', 'timestamp with time zone')
           AND a.attname = ANY (ARRAY[r.time_column::text, 'first_seen', 'day', 'hour', 'minute', 'ts', 'at', 's6_ts', 'first_ts', 'valid_from',
                                      'window_start', 'opened_at', 'connected_ts'])
         ORDER BY a.attname <> 'first_seen' OR c.relname <> 'addr_sighting',
                  array_position(ARRAY[CASE WHEN r.time_column <> 'closed_at' THEN r.time_column::text END, 'opened_at', 'first_seen', 'day', 'hour',
                                       'minute', 'ts', 'at', 's6_ts', 'first_ts', 'valid_from', 'window_start', 'connected_ts'], a.attname::text)
         LIMIT 1) AS time_column,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('node_id', 'node')) AS per_node
  FROM pg_class c LEFT JOIN peerscope.retention r ON r.table_name = c.relname
 WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
-- The last whole day that has messages.
SELECT max(to_date(right(c.relname, 8), 'YYYYMMDD'))::text AS day, count(*) AS days
  FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
 WHERE i.inhparent = 'peerscope.p2p_message'::regclass AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0 \gset
SELECT count(*) AS nodes FROM peerscope.node \gset
SELECT set_config('volume.day', :'day', false), set_config('volume.days', :'days', false) \gset ignored_
DO $$
DECLARE
    t         record;
    day       date := current_setting('volume.day')::date;
    leaf      regclass;
    rows      bigint;
    day_rows  bigint;
BEGIN
    FOR t IN SELECT * FROM came LOOP
        IF t.partitioned THEN
            leaf := format('peerscope.%I', t.table_name || to_char(day, '_YYYYMMDD'))::regclass;
            EXECUTE format('SELECT count(*) FROM %s', leaf) INTO rows;
            day_rows := rows;
        ELSE
            leaf := t.oid;
            EXECUTE format('SELECT count(*) FROM peerscope.%I', t.table_name) INTO rows;
            IF t.time_column IS NULL THEN
                day_rows := rows / current_setting('volume.days')::int;
            ELSE
                EXECUTE format('SELECT count(*) FROM peerscope.%I WHERE %I >= %L AND %I < %L', t.table_name, t.time_column, day,
                               t.time_column, day + 1) INTO day_rows;
            END IF;
        END IF;
        INSERT INTO size
        SELECT t.table_name, t.partitioned, t.per_node, rows, day_rows, pg_relation_size(leaf), pg_indexes_size(leaf),
               coalesce(pg_total_relation_size(c.reltoastrelid), 0)
          FROM pg_class c WHERE c.oid = leaf;
    END LOOP;
END $$;

CREATE TEMP VIEW volume AS
SELECT s.table_name, r.keep, s.per_node, s.day_rows,
       s.heap / greatest(s.rows, 1) AS heap_row, s.indexes / greatest(s.rows, 1) AS index_row, s.toast / greatest(s.rows, 1) AS toast_row,
       (s.heap + s.indexes + s.toast)::numeric / greatest(s.rows, 1) * s.day_rows AS day_bytes,
       -- Whole days are kept, and the one that has begun.
       least(coalesce(extract(epoch FROM r.keep) / 86400 + 1, 365), 365) AS days_kept
  FROM size s LEFT JOIN peerscope.retention r USING (table_name);

\echo
\echo Bytes of a row and a day, and of the fleet in a year (tables below 10 MB left out)
SELECT table_name AS "table", coalesce(keep::text, 'for ever') AS keep,
       to_char(day_rows / CASE WHEN per_node THEN :nodes ELSE 1 END, '999G999G999') AS "rows a day",
       heap_row AS heap, index_row AS indexes, toast_row AS toast,
       round(day_bytes / CASE WHEN per_node THEN :nodes ELSE 1 END / 1e6, 1) AS "MB a day",
       CASE WHEN per_node THEN 'node' ELSE 'fleet' END AS per,
       round(day_bytes / CASE WHEN per_node THEN :nodes ELSE 1 END * days_kept * CASE WHEN per_node THEN :fleet ELSE 1 END / 1e9, 1) AS "GB, year"
  FROM volume
 WHERE day_bytes * days_kept * :fleet / :nodes > 10e6
 ORDER BY 9 DESC;
\echo In all, measured on :nodes nodes:
SELECT round(sum(day_bytes / CASE WHEN per_node THEN :nodes ELSE 1 END) / 1e6) AS "MB a node and day",
       :fleet AS nodes,
       round(sum(day_bytes / CASE WHEN per_node THEN :nodes ELSE 1 END * days_kept * CASE WHEN per_node THEN :fleet ELSE 1 END) / 1e9) AS "GB, year",
       :limit_gb AS "limit, GB",
       CASE WHEN sum(day_bytes / CASE WHEN per_node THEN :nodes ELSE 1 END * days_kept * CASE WHEN per_node THEN :fleet ELSE 1 END) / 1e9 <= :limit_gb
            THEN 'fits' ELSE 'DOES NOT FIT' END AS verdict
  FROM volume;
