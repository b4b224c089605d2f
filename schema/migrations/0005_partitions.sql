-- Daily partitions of the event tables.

-- Two of the tables by day hold a key once a day: a leaf is unique where its parent cannot be, since the partition
-- key is a time.
CREATE FUNCTION peerscope.leaf_key(parent text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT CASE parent WHEN 'tx_sighting' THEN 'node_id, hash'
                             WHEN 'addr_day' THEN 'node_id, network, addr, port, class' END $$;
COMMENT ON FUNCTION peerscope.leaf_key(text) IS
    'The columns that are unique inside a day''s partition of a table; NULL for event tables, which have no key.';

-- CREATE TABLE … PARTITION OF waits behind every reader of the parent and would stall COPY for seconds.
-- So a leaf is built beside its parent, with a CHECK that spares ATTACH the scan, and then attached under
-- SHARE UPDATE EXCLUSIVE. The advisory lock makes writers that need the same day at once take turns; whoever
-- comes second finds the work done.
CREATE FUNCTION peerscope.ensure_day(day date) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    parent   text;
    leaf     text;
    from_txt text := to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00';
    to_txt   text := to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00';
    suffix   text := '_' || to_char(day, 'YYYYMMDD');
    made     int := 0;
    missing  text[];
BEGIN
    IF day < date '2009-01-01' OR day > date '2200-01-01' THEN
        RAISE EXCEPTION 'no partition is made for %', day
            USING HINT = 'Rows with such a time belong into quarantine.';
    END IF;
    FOR attempt IN 1 .. 2 LOOP
        SELECT coalesce(array_agg(p.relname::text ORDER BY p.relname), '{}') INTO missing
          FROM pg_class p
         WHERE p.relnamespace = 'peerscope'::regnamespace AND p.relkind = 'p'
           AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                            WHERE i.inhparent = p.oid AND c.relname = p.relname || suffix
                              AND c.relnamespace = p.relnamespace);
        IF missing = '{}' THEN
            RETURN 0;
        END IF;
        -- Look again once we hold the lock.
        IF attempt = 1 THEN
            PERFORM pg_advisory_xact_lock(hashtext('peerscope.ensure_day'));
        END IF;
    END LOOP;

    FOREACH parent IN ARRAY missing LOOP
        leaf := parent || suffix;
        IF to_regclass(format('peerscope.%I', leaf)) IS NOT NULL THEN
            RAISE EXCEPTION 'table % is no partition of % and cannot become one', leaf, parent
                USING DETAIL = 'It was detached, and not dropped since.',
                      HINT = 'When retention is over, the next round of maintenance drops it. Rename it to keep it.';
        END IF;
        EXECUTE format('CREATE TABLE peerscope.%I (LIKE peerscope.%I INCLUDING ALL,
                            CONSTRAINT day CHECK (ts >= %L AND ts < %L))',
                       leaf, parent, from_txt, to_txt);
        IF peerscope.leaf_key(parent) IS NOT NULL THEN
            EXECUTE format('ALTER TABLE peerscope.%I ADD UNIQUE (%s)', leaf, peerscope.leaf_key(parent));
        END IF;
        EXECUTE format('ALTER TABLE peerscope.%I ATTACH PARTITION peerscope.%I FOR VALUES FROM (%L) TO (%L)',
                       parent, leaf, from_txt, to_txt);
        -- The partition bound says the same; a second check would cost each row.
        EXECUTE format('ALTER TABLE peerscope.%I DROP CONSTRAINT day', leaf);
        IF to_regrole('peerscope_ingest') IS NOT NULL THEN
            EXECUTE format('GRANT %s ON peerscope.%I TO peerscope_ingest',
                           CASE WHEN peerscope.leaf_key(parent) IS NULL THEN 'SELECT, INSERT' ELSE 'SELECT, INSERT, UPDATE' END, leaf);
        END IF;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION peerscope.ensure_day(date) IS
    'Creates the partitions of a UTC day in every event table that lacks one, named <table>_YYYYMMDD, and returns how many. Idempotent; safe to call from many sessions at once.';
