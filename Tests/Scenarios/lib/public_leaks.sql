-- Everything that public views say, searched for everything they must not. Needs lib/expect.sql; fits any database: a scenario's,
-- a capture's.

CREATE FUNCTION scenario.public_text() RETURNS TABLE (view_name text, line text) LANGUAGE plpgsql AS $$
DECLARE
    view_ text;
BEGIN
    FOR view_ IN SELECT c.relname FROM pg_class c
                  WHERE c.relnamespace = 'peerscope_public'::regnamespace AND c.relkind = 'v' ORDER BY 1 LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, row_to_json(v)::text FROM peerscope_public.%I v', view_, view_);
    END LOOP;
END $$;
COMMENT ON FUNCTION scenario.public_text() IS
'Every row of every public view as JSON.';

CREATE FUNCTION scenario.secrets() RETURNS TABLE (what text, secret text) LANGUAGE plpgsql AS $$
DECLARE
    column_ record;
BEGIN
    -- Every column that holds an address, wherever it is: a table that is added is searched for as well.
    FOR column_ IN
        SELECT c.relname, a.attname
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND format_type(a.atttypid, NULL) = 'text'
           AND (a.attname IN ('addr', 'host', 'peer', 'group24', 'netgroup', 'group', 'top_group', 'wallet', 'exe', 'path')
                OR a.attname = 'source' AND c.relname LIKE 'addrman%')
    LOOP
        RETURN QUERY EXECUTE format('SELECT DISTINCT %L::text, %I FROM peerscope.%I WHERE length(%2$I) > 3',
                                    column_.relname || '.' || column_.attname, column_.attname, column_.relname);
    END LOOP;
    RETURN QUERY SELECT DISTINCT 'the host of peer_session.addr'::text, regexp_replace(s.addr, ':\d+$', '')
                   FROM peerscope.peer_session s WHERE s.addr IS NOT NULL
                 UNION SELECT 'the port of peer_session.addr', substring(s.addr FROM ':(\d{5,})$')
                   FROM peerscope.peer_session s WHERE s.addr ~ ':\d{5,}$'
                 UNION SELECT 'node.name', '"' || n.name || '"' FROM peerscope.node n
                 UNION SELECT 'agent.agent_id', '"' || g.agent_id || '"' FROM peerscope.agent g
                 UNION SELECT 'process_run.run_id', r.run_id::text FROM peerscope.process_run r WHERE r.run_id > 1000000
                 UNION SELECT 'peer_session.peer_id', s.peer_id::text FROM peerscope.peer_session s WHERE s.peer_id > 1000000
                 UNION SELECT 'public_key', encode(k.inner_pad, 'hex') FROM peerscope.public_key k
                 UNION SELECT 'public_key', encode(k.outer_pad, 'hex') FROM peerscope.public_key k;
END $$;
COMMENT ON FUNCTION scenario.secrets() IS
'What must not occur in any public view: all addresses, hosts, ephemeral ports, names of nodes, and ids that are long enough not to be met by chance.';

CREATE FUNCTION scenario.leaks() RETURNS TABLE (view_name text, what text, secret text, line text) LANGUAGE sql AS $$
    -- All rows of a view in one text: most secrets are in none, and one search tells. Five digits are met by chance in a hash
    -- or a duration: a number is searched for at the end of a text, as ports are written; no public view has a column for it.
    WITH whole AS (
        SELECT t.view_name, string_agg(t.line, E'\n') AS text FROM scenario.public_text() t GROUP BY t.view_name
    ),
    found AS (
        SELECT w.view_name, s.what, s.secret, w.text
          FROM whole w JOIN scenario.secrets() s
            ON CASE WHEN s.secret ~ '^\d{5}$' THEN position(':' || s.secret || '"' IN w.text) > 0 OR position('"' || s.secret || '"' IN w.text) > 0
                    ELSE position(s.secret IN w.text) > 0 END
         -- What networks are called is no secret, and some groups are called so.
         WHERE s.secret NOT IN (SELECT p.network FROM peerscope.peer_session p WHERE p.network IS NOT NULL)
    )
    SELECT f.view_name, f.what, f.secret, (SELECT t.line FROM regexp_split_to_table(f.text, E'\n') AS t (line)
                                            WHERE position(f.secret IN t.line) > 0 LIMIT 1)
      FROM found f
     ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION scenario.leaks() IS
'Secrets that occur in public views, each with a row it occurs in.';
