-- Ten million events of ten nodes and ten days, and every view asked for one day of them: after five days for the fifth, after
-- ten days for the tenth. What a view reads must not depend on what lies before the day. Run it by run.sh.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SELECT ((now() AT TIME ZONE 'UTC')::date - 12)::text AS fifth, ((now() AT TIME ZONE 'UTC')::date - 7)::text AS tenth \gset
\ir views.sql
\set nodes 10
\set days 5
\if :{?scale}
\else
\set scale 0.0065
\endif

\set last_day :fifth
\ir mainnet_day.sql
\echo digest
VACUUM (ANALYZE);
CALL peerscope.digest();
SELECT count(peerscope.publish(d)) AS published FROM peerscope.days_to_publish() AS d \gset
\echo views, five days
VACUUM (ANALYZE);
CALL volume.ask('five days', :'fifth');

\set last_day :tenth
\ir mainnet_day.sql
\echo digest
VACUUM (ANALYZE);
CALL peerscope.digest();
SELECT count(peerscope.publish(d)) AS published FROM peerscope.days_to_publish() AS d \gset
\echo views, ten days
VACUUM (ANALYZE);
CALL volume.ask('ten days', :'tenth');

\pset footer off
\echo
SELECT sum(rows) AS "events in event tables" FROM peerscope.retention_status WHERE partitions IS NOT NULL;
SELECT part, count(*) AS days, round(avg(duration_ms)) AS "ms a day", round(max(duration_ms)) AS worst, max(error) AS error
  FROM peerscope.digest_state GROUP BY part ORDER BY part;

CREATE TABLE volume.verdict AS
SELECT a.name, b.rows, a.buffers AS buffers_5, b.buffers AS buffers_10, b.ms, b.planning_ms, b.scanned,
       array_to_string(ARRAY[
           CASE WHEN b.scanned IS NOT NULL THEN 'reads all of ' || b.scanned END,
           CASE WHEN b.buffers > a.buffers * 1.5 + 300 THEN 'reads more the more days there are' END,
           -- On any machine, whatever else it does.
           CASE WHEN b.ms > 2000 THEN 'takes too long' END,
           CASE WHEN b.rows = 0 AND NOT q.may_be_empty THEN 'has no rows, so that nothing was measured' END], '; ') AS fault
  FROM volume.answer a
  JOIN volume.answer b ON b.name = a.name AND b.pass = 'ten days'
  JOIN volume.question q ON q.name = a.name
 WHERE a.pass = 'five days';
INSERT INTO volume.verdict (name, fault) SELECT name, 'is not asked: add it to Tests/Volume/views.sql' FROM volume.unasked;
INSERT INTO volume.verdict (name, fault) SELECT name, 'does not exist: take it out of Tests/Volume/views.sql' FROM volume.unknown;
INSERT INTO volume.verdict (name, fault)
SELECT 'digest_' || part, 'failed on ' || day || ': ' || error FROM peerscope.digest_state WHERE error IS NOT NULL;
INSERT INTO volume.verdict (name, fault)
SELECT 'the generator', 'made ' || sum(rows) || ' events instead of ten million'
  FROM peerscope.retention_status WHERE partitions IS NOT NULL HAVING sum(rows) NOT BETWEEN 9e6 AND 13e6 AND :scale = 0.0065;
SELECT name AS "view, one day of ten nodes", rows, buffers_5 AS "buffers, 5 days", buffers_10 AS "10 days", round(ms::numeric, 1) AS ms,
       round(planning_ms::numeric, 1) AS "planning, ms", CASE WHEN ms > 100 THEN 'over 100 ms ' ELSE '' END || fault AS verdict
  FROM volume.verdict ORDER BY name;
\pset tuples_only on
SELECT count(*) || ' of ' || (SELECT count(*) FROM volume.verdict) || ' failed' FROM volume.verdict WHERE fault <> '';
