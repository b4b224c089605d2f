-- Who may do what. Where the roles could not be made, the administrator makes them and grants the same.
REVOKE EXECUTE ON FUNCTION peerscope.ensure_day(date) FROM PUBLIC;

DO $$
BEGIN
    IF to_regrole('peerscope_ingest') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA peerscope TO peerscope_ingest;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA peerscope TO peerscope_ingest;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA peerscope TO peerscope_ingest;
        GRANT EXECUTE ON FUNCTION peerscope.ensure_day(date) TO peerscope_ingest;
        ALTER DEFAULT PRIVILEGES IN SCHEMA peerscope
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO peerscope_ingest;
    END IF;
    IF to_regrole('peerscope_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA peerscope TO peerscope_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA peerscope TO peerscope_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA peerscope GRANT SELECT ON TABLES TO peerscope_reader;
    END IF;
END
$$;
