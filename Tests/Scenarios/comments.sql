-- Whoever finds a name in the database finds what it means there: nothing is without a COMMENT.

-- Partitions have the comments of their table; what an extension brings is not ours.
CREATE VIEW scenario.thing AS
SELECT n.nspname AS schema, c.oid, c.relname AS name, c.relkind AS kind, obj_description(c.oid, 'pg_class') AS comment
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('peerscope', 'peerscope_public') AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e');

SELECT scenario.expect('there is something to look at',
    $$ SELECT count(*) FILTER (WHERE kind IN ('r', 'p')) > 40, count(*) FILTER (WHERE kind = 'v') > 10 FROM scenario.thing $$,
    'true|true');
SELECT scenario.expect('every table and view says what a row of it is',
    $$ SELECT schema, name FROM scenario.thing WHERE coalesce(btrim(comment), '') = '' ORDER BY 1, 2 $$, '');
SELECT scenario.expect('every column says what it means',
    $$ SELECT t.schema, t.name, a.attname
         FROM scenario.thing t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE coalesce(btrim(col_description(t.oid, a.attnum)), '') = '' ORDER BY 1, 2, a.attnum $$, '');
SELECT scenario.expect('every function and procedure says what it does',
    $$ SELECT n.nspname, p.oid::regprocedure
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('peerscope', 'peerscope_public') AND coalesce(btrim(obj_description(p.oid, 'pg_proc')), '') = ''
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1, 2 $$, '');
SELECT scenario.expect('and so do the schemas',
    $$ SELECT nspname FROM pg_namespace WHERE nspname IN ('peerscope', 'peerscope_public')
          AND coalesce(btrim(obj_description(oid, 'pg_namespace')), '') = '' $$, '');
-- A comment that only repeats the name says nothing.
SELECT scenario.expect('no comment is just the name again',
    $$ SELECT t.name, a.attname
         FROM scenario.thing t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE position('_' IN a.attname) > 0
          AND lower(btrim(col_description(t.oid, a.attnum), '. ')) = replace(a.attname, '_', ' ') ORDER BY 1, 2 $$, '');
