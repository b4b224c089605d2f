-- Prints schema/README.md from the COMMENTs of a database:
--   peerscope sql --database … -X -q -A -t -f schema/dictionary.sql > schema/README.md
\pset format unaligned
\pset tuples_only on
WITH relation AS (
    SELECT c.oid, CASE n.nspname WHEN 'peerscope' THEN '' ELSE n.nspname || '.' END || c.relname AS name,
           n.nspname <> 'peerscope' AS is_public, c.relkind IN ('r', 'p') AS is_table, c.relkind = 'p' AS is_event,
           coalesce(obj_description(c.oid), '') AS comment
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('peerscope', 'peerscope_public') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
), section AS (
    SELECT *, CASE WHEN is_public THEN 4 WHEN is_event THEN 1 WHEN is_table THEN 2 ELSE 3 END AS part FROM relation
), line AS (
    SELECT 0 AS part, '' AS name, 0 AS position, text, ordinal
      FROM unnest(ARRAY[
          '# Data dictionary', '',
          'Generated from the database''s own COMMENTs: `peerscope sql -X -q -A -t -f schema/dictionary.sql > schema/README.md`.',
          '`\d+ peerscope.NAME` in psql shows the same.', '',
          'Hashes are `bytea` in wire order: `peerscope.hex(hash)` shows them as explorers do. Times of rows are the',
          'node''s own UTC; with `clk` they join `clock_segment`, whose `corr_ns` makes times of different nodes',
          'comparable and whose `eps_ns` is the error of that. Event tables are partitioned by UTC day.'
      ]) WITH ORDINALITY AS intro (text, ordinal)
    UNION ALL
    SELECT part, '', 0, t.text, t.ordinal
      FROM (VALUES (1, '## Event tables'), (2, '## Bookkeeping and rollups'), (3, '## Views'), (4, '## Views for sharing')) AS head (part, title),
           LATERAL unnest(ARRAY['', title]) WITH ORDINALITY AS t (text, ordinal)
    UNION ALL
    SELECT part, s.name, 0, t.text, t.ordinal
      FROM section s,
           LATERAL unnest(ARRAY['', format('### `%s`', s.name), '', s.comment, '', '| column | type | meaning |', '|---|---|---|'])
               WITH ORDINALITY AS t (text, ordinal)
    UNION ALL
    SELECT part, s.name, a.attnum,
           format('| `%s` | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod),
                  replace(coalesce(col_description(s.oid, a.attnum), ''), '|', '\|')), 0
      FROM section s JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT text FROM line ORDER BY part, name, position, ordinal;
