-- The schema, its roles, and the small functions everything else uses.

CREATE SCHEMA IF NOT EXISTS peerscope;
COMMENT ON SCHEMA peerscope IS
    'What a fleet of Bitcoin Core nodes reported through its tracepoints. Hashes are bytea in wire order; peerscope.hex() shows them as explorers do.';

-- Roles belong to the cluster, not to the database: make them only where we may, and only once.
DO $$
DECLARE
    wanted text;
BEGIN
    IF NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        RAISE NOTICE 'role % may not create roles: peerscope_ingest and peerscope_reader are left to the administrator',
            current_user;
        RETURN;
    END IF;
    FOREACH wanted IN ARRAY ARRAY['peerscope_ingest', 'peerscope_reader'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this cluster was faster
        END;
    END LOOP;
END
$$;

CREATE FUNCTION peerscope.hex(hash bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT regexp_replace(reverse(encode(hash, 'hex')), '(.)(.)', '\2\1', 'g') $$;
COMMENT ON FUNCTION peerscope.hex(bytea) IS
    'A hash in wire order as explorers and Core''s RPC print it: bytes reversed, in hexadecimal.';

CREATE FUNCTION peerscope.wire(hex text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT decode(regexp_replace(reverse(hex), '(.)(.)', '\2\1', 'g'), 'hex') $$;
COMMENT ON FUNCTION peerscope.wire(text) IS
    'The inverse of peerscope.hex(): WHERE hash = peerscope.wire(''00000000…'').';

-- A difference of timestamps is an interval without months, whose epoch is an exact numeric: no float on
-- the way, so every microsecond survives.
CREATE FUNCTION peerscope.unix_us(at timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM at - timestamptz '1970-01-01 00:00:00+00') * 1000000)::bigint $$;
COMMENT ON FUNCTION peerscope.unix_us(timestamptz) IS
    'Microseconds since 1970, exact.';

CREATE FUNCTION peerscope.at_us(unix_us bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT timestamptz '1970-01-01 00:00:00+00'
                 + make_interval(hours => (unix_us / 3600000000)::int)
                 + (unix_us % 3600000000) * interval '1 microsecond' $$;
COMMENT ON FUNCTION peerscope.at_us(bigint) IS
    'The inverse of peerscope.unix_us(), exact.';

CREATE FUNCTION peerscope.corrected(ts timestamptz, corr_ns bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT ts + coalesce(corr_ns / 1000, 0) * interval '1 microsecond' $$;
COMMENT ON FUNCTION peerscope.corrected(timestamptz, bigint) IS
    'A time of a node on the fleet''s common clock, with corr_ns of its clock_segment; the node''s own where that is unknown.';
