-- Retention is data: that it fits the schema has to be looked at.

CREATE VIEW scenario.tables AS
SELECT c.oid, c.relname::text COLLATE "default" AS name, c.relkind = 'p' AS by_day
  FROM pg_class c
 WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;

SELECT scenario.expect('every table says how long its rows are kept',
    $$ SELECT name FROM scenario.tables WHERE name NOT IN (SELECT table_name FROM peerscope.retention) ORDER BY 1 $$, '');
SELECT scenario.expect('nothing else does',
    $$ SELECT table_name FROM peerscope.retention WHERE table_name NOT IN (SELECT name FROM scenario.tables) ORDER BY 1 $$, '');
SELECT scenario.expect('what is kept for ever says why that is affordable',
    $$ SELECT table_name FROM peerscope.retention WHERE keep IS NULL AND note IS NULL ORDER BY 1 $$, '');
-- session_traffic has no time: it goes with its sessions.
SELECT scenario.expect('a table without partitions grows old by a column, one with partitions by its partitions',
    $$ SELECT t.name, t.by_day, r.time_column
         FROM scenario.tables t JOIN peerscope.retention r ON r.table_name = t.name
        WHERE t.name <> 'session_traffic' AND CASE WHEN t.by_day THEN r.time_column IS NOT NULL
                                                   ELSE (r.keep IS NULL) <> (r.time_column IS NULL) END ORDER BY 1 $$, '');
-- A scan for the oldest rows every few minutes must not read a whole table.
SELECT scenario.expect('that column exists and is the first of a b-tree',
    $$ SELECT r.table_name, r.time_column
         FROM peerscope.retention r JOIN scenario.tables t ON t.name = r.table_name
        WHERE r.time_column IS NOT NULL
          AND NOT EXISTS (SELECT FROM pg_index i
                            JOIN pg_class x ON x.oid = i.indexrelid
                            JOIN pg_am am ON am.oid = x.relam AND am.amname = 'btree'
                            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] AND a.attname = r.time_column
                           WHERE i.indrelid = t.oid) ORDER BY 1 $$, '');

SELECT scenario.expect('what the digest reads belongs to a part of it or to publish, and to a table',
    $$ SELECT i.part, i.table_name FROM peerscope.digest_input i
        WHERE i.part NOT IN (SELECT part FROM peerscope.digest_part UNION ALL VALUES ('publish')) OR i.table_name NOT IN (SELECT name FROM scenario.tables) $$, '');
-- A day is computed until six hours after its end, and published a day after its end: as retention keeps whole days, what lies
-- before is needed for six hours, or a day and what it takes, beyond days_before.
SELECT scenario.expect('no retention is so short that the digest of yesterday lacks rows, or the publication of the day before',
    $$ SELECT i.part, i.table_name, i.days_before, r.keep
         FROM peerscope.digest_input i JOIN peerscope.retention r USING (table_name)
        WHERE r.keep < i.days_before * interval '1 day' + CASE i.part WHEN 'publish' THEN interval '2 days' ELSE interval '6 hours' END
        ORDER BY 1, 2 $$, '');
SELECT scenario.expect('each part has its function',
    $$ SELECT part FROM peerscope.digest_part WHERE to_regprocedure(format('peerscope.digest_%s(date)', part)) IS NULL $$, '');

-- What a part reads, by the names in its function, in the functions and views it calls, and in theirs.
CREATE TABLE scenario.source AS
SELECT p.proname::text COLLATE "default" AS name, p.prosrc AS text FROM pg_proc p WHERE p.pronamespace = 'peerscope'::regnamespace
UNION ALL
SELECT c.relname::text COLLATE "default", pg_get_viewdef(c.oid) FROM pg_class c WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind = 'v';
CREATE TABLE scenario.word AS
SELECT DISTINCT s.name, w.word[1] COLLATE "default" AS word
  FROM scenario.source s,
       -- Comments name tables that are not read.
       LATERAL regexp_matches(regexp_replace(s.text, '--[^\n]*', '', 'g'), '(?:FROM|JOIN|USING|INTO|UPDATE|peerscope\.)\s*\(?\s*(?:peerscope\.)?([a-z_0-9]+)', 'gi')
           AS w (word);
CREATE VIEW scenario.reads AS
WITH RECURSIVE reached AS (
    SELECT part, name
      FROM (SELECT part, ('digest_' || part) COLLATE "default" AS name FROM peerscope.digest_part
            UNION ALL VALUES ('publish', 'publish')) AS entry
    UNION
    SELECT r.part, w.word FROM reached r JOIN scenario.word w USING (name)
     WHERE w.word IN (SELECT name FROM scenario.source) OR w.word IN (SELECT name FROM scenario.tables)
)
SELECT r.part, r.name AS table_name FROM reached r JOIN peerscope.retention t ON t.table_name = r.name AND t.keep IS NOT NULL
 WHERE r.name <> 'digest_state';
SELECT scenario.expect('a part declares what it reads of tables that do not keep everything',
    $$ SELECT part, table_name FROM scenario.reads
       EXCEPT SELECT part, table_name FROM peerscope.digest_input
        ORDER BY 1, 2 $$, '');
