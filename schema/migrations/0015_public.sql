-- What may be shared, and who may do what.
--
-- Schema peerscope_public holds views made for sharing, and role peerscope_public sees them and nothing else: it may not
-- even name what is in schema peerscope. A day is published once, by maintain(), a day after its end, when its rows
-- are still all there: publish(day) decides what of it may be shared and stores that, without peers' ids and with times
-- rounded, in the tables public_…; nothing that is not stored there or said by the day's digest of blocks and mempools
-- reaches a public view.
--
-- Never public: version messages, what our nodes announce of themselves and their own addresses, sessions of type
-- private-broadcast and what was sent over them, transactions that nobody outside of the fleet had told us of before a
-- node of ours had them, coin selection; and of peers their addresses, ids, and what fewer than five of them share.

-- 1. Roles

DO $$
BEGIN
    IF NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        RAISE NOTICE 'role % may not create roles: peerscope_public is left to the administrator, who then calls peerscope.grant_roles()',
            current_user;
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'peerscope_public') THEN
        CREATE ROLE peerscope_public NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this cluster was faster
END
$$;

CREATE SCHEMA peerscope_public;
COMMENT ON SCHEMA peerscope_public IS
    'Views made for sharing: addresses hashed under a key per release and view, times rounded and at least a day old, nodes renamed. All that role peerscope_public sees. The key never leaves the database; the system''s own statistics (pg_class, pg_stat_…) tell how many rows its tables have, so give strangers a copy of the views and not this database.';

-- 2. Releases and their keys

CREATE TABLE peerscope.public_release (
    release int,
    made_at timestamptz NOT NULL DEFAULT now(),
    note    text,
    PRIMARY KEY (release)
);
COMMENT ON TABLE peerscope.public_release IS
    'Releases of what is shared. Hashes of addresses and names of nodes are those of the newest one, and cannot be linked to those of another.';
COMMENT ON COLUMN peerscope.public_release.release IS 'Its number.';
COMMENT ON COLUMN peerscope.public_release.made_at IS 'When it was made.';
COMMENT ON COLUMN peerscope.public_release.note IS 'What it was made for.';

CREATE TABLE peerscope.public_key (
    release   int NOT NULL,
    scope     text NOT NULL,
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL,
    PRIMARY KEY (release, scope)
);
COMMENT ON TABLE peerscope.public_key IS
    'Keys of the newest release, one a view that shows hashes and one for the names of nodes. Readable by the owner alone: whoever has a key finds the address of a hash by trying all there are.';
COMMENT ON COLUMN peerscope.public_key.release IS 'The release.';
COMMENT ON COLUMN peerscope.public_key.scope IS 'The view, or node for their names.';
COMMENT ON COLUMN peerscope.public_key.inner_pad IS 'The key XOR 0x36, as HMAC''s inner hash begins (RFC 2104).';
COMMENT ON COLUMN peerscope.public_key.outer_pad IS 'The key XOR 0x5c, as HMAC''s outer hash begins.';

CREATE FUNCTION peerscope.hmac_pad(key bytea, with_byte int) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE STRICT
    AS $$
DECLARE
    -- SHA-256 works on blocks of 64 bytes; a key longer than that is hashed first.
    padded bytea := CASE WHEN length(key) > 64 THEN sha256(key) ELSE key END;
BEGIN
    padded := padded || decode(repeat('00', 64 - length(padded)), 'hex');
    FOR i IN 0 .. 63 LOOP
        padded := set_byte(padded, i, get_byte(padded, i) # with_byte);
    END LOOP;
    RETURN padded;
END
$$;
COMMENT ON FUNCTION peerscope.hmac_pad(bytea, int) IS
    'A key padded to 64 bytes, each XOR a byte: 54 (0x36) for the inner, 92 (0x5c) for the outer pad of HMAC-SHA256.';

CREATE FUNCTION peerscope.hmac_sha256(inner_pad bytea, outer_pad bytea, message bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT sha256(outer_pad || sha256(inner_pad || message)) $$;
COMMENT ON FUNCTION peerscope.hmac_sha256(bytea, bytea, bytea) IS
    'HMAC-SHA256 (RFC 2104) under a key given by its pads, see hmac_pad.';

CREATE FUNCTION peerscope.make_public_keys() RETURNS void
    LANGUAGE sql
    AS $$
    -- A random UUID has 122 random bits; three of them are more than the 256 of a key.
    INSERT INTO peerscope.public_key (release, scope, inner_pad, outer_pad)
    SELECT k.release, k.scope, peerscope.hmac_pad(k.key, 54), peerscope.hmac_pad(k.key, 92)
      FROM (SELECT r.release, s.scope,
                   sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) AS key
              FROM (SELECT max(release) AS release FROM peerscope.public_release) r,
                   (VALUES ('node'), ('addr_episodes'), ('peer_sessions')) AS s (scope)) k
     WHERE k.release IS NOT NULL
    ON CONFLICT (release, scope) DO NOTHING
    $$;
COMMENT ON FUNCTION peerscope.make_public_keys() IS
    'Makes the keys that the newest release lacks.';

CREATE FUNCTION peerscope.new_public_release(note text DEFAULT NULL) RETURNS int
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_variable
DECLARE
    made int;
BEGIN
    LOCK TABLE peerscope.public_release IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO peerscope.public_release (release, note)
    SELECT coalesce(max(r.release), 0) + 1, note FROM peerscope.public_release r
    RETURNING release INTO made;
    DELETE FROM peerscope.public_key k WHERE k.release <> made;
    PERFORM peerscope.make_public_keys();
    RETURN made;
END
$$;
COMMENT ON FUNCTION peerscope.new_public_release(text) IS
    'Begins a new release: all hashes and names of nodes change at once. The keys of the one before are destroyed, so that not even we can tell any more which addresses its hashes were. Returns its number.';

-- 3. What publish() stores

CREATE TABLE peerscope.public_day (
    day          date,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (day)
);
COMMENT ON TABLE peerscope.public_day IS
    'Days that were published. Public views show no others.';
COMMENT ON COLUMN peerscope.public_day.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope.public_day.published_at IS 'When that was done last.';

CREATE TABLE peerscope.public_own_address (
    addr      text,
    found_day date NOT NULL,
    PRIMARY KEY (addr)
);
COMMENT ON TABLE peerscope.public_own_address IS
    'Addresses that are, or may be, of our own nodes: what public views leave out of all that is about peers.';
COMMENT ON COLUMN peerscope.public_own_address.addr IS 'The address, without port.';
COMMENT ON COLUMN peerscope.public_own_address.found_day IS 'Day on which it was found to be one.';

CREATE TABLE peerscope.public_tx (
    day date NOT NULL,
    id  bytea NOT NULL,
    PRIMARY KEY (day, id)
);
COMMENT ON TABLE peerscope.public_tx IS
    'Transactions that somebody outside of the fleet told us of before any node of ours had them, and that none sent over a private-broadcast session.';
COMMENT ON COLUMN peerscope.public_tx.day IS 'As in tx_reach.';
COMMENT ON COLUMN peerscope.public_tx.id IS 'As in tx_reach.';

CREATE TABLE peerscope.public_addr_hour (
    day       date NOT NULL,
    network   text NOT NULL,
    addr      text NOT NULL,
    port_8333 bool NOT NULL,
    hour      timestamptz NOT NULL,
    novel     bool NOT NULL,
    nodes     int NOT NULL,
    PRIMARY KEY (day, network, addr, port_8333, hour)
);
COMMENT ON TABLE peerscope.public_addr_hour IS
    'Episodes of gossip as they may be shared, but for the address, which the view hashes.';
COMMENT ON COLUMN peerscope.public_addr_hour.day IS 'Day on which the episode began, UTC in corrected time.';
COMMENT ON COLUMN peerscope.public_addr_hour.network IS 'Network.';
COMMENT ON COLUMN peerscope.public_addr_hour.addr IS 'The address.';
COMMENT ON COLUMN peerscope.public_addr_hour.port_8333 IS 'Whether the port is 8333.';
COMMENT ON COLUMN peerscope.public_addr_hour.hour IS 'Hour in which it began.';
COMMENT ON COLUMN peerscope.public_addr_hour.novel IS 'Whether the fleet had never been told of the address.';
COMMENT ON COLUMN peerscope.public_addr_hour.nodes IS 'Nodes it reached.';

CREATE TABLE peerscope.public_session (
    day          date NOT NULL,
    node_id      int NOT NULL,
    network      text NOT NULL,
    addr         text NOT NULL,
    port_8333    bool NOT NULL,
    direction    text NOT NULL,
    opened_hour  timestamptz NOT NULL,
    closed_hour  timestamptz,
    handshaked   bool NOT NULL,
    evicted      bool NOT NULL,
    user_agent   text
);
CREATE INDEX public_session_day ON peerscope.public_session (day);
COMMENT ON TABLE peerscope.public_session IS
    'Sessions that began on a day as they may be shared, but for the peer''s address, which the view hashes.';
COMMENT ON COLUMN peerscope.public_session.day IS 'Day on which it began, UTC.';
COMMENT ON COLUMN peerscope.public_session.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.public_session.network IS 'Network.';
COMMENT ON COLUMN peerscope.public_session.addr IS 'The peer''s address, without port.';
COMMENT ON COLUMN peerscope.public_session.port_8333 IS 'Whether its port is 8333.';
COMMENT ON COLUMN peerscope.public_session.direction IS 'inbound or outbound.';
COMMENT ON COLUMN peerscope.public_session.opened_hour IS 'Hour in which it began.';
COMMENT ON COLUMN peerscope.public_session.closed_hour IS 'Hour in which it ended; NULL when that was not on the same day.';
COMMENT ON COLUMN peerscope.public_session.handshaked IS 'Whether its handshake was completed.';
COMMENT ON COLUMN peerscope.public_session.evicted IS 'Whether we evicted it, on the same day.';
COMMENT ON COLUMN peerscope.public_session.user_agent IS 'User agent it claims, where at least five peers of the day claim the same; else NULL.';

CREATE TABLE peerscope.public_peer_day (
    day        date NOT NULL,
    network    text NOT NULL,
    direction  text NOT NULL,
    user_agent text NOT NULL,
    peers      int NOT NULL CHECK (peers >= 5),
    sessions   int NOT NULL,
    PRIMARY KEY (day, network, direction, user_agent)
);
COMMENT ON TABLE peerscope.public_peer_day IS
    'How many peers of a day say what they are.';
COMMENT ON COLUMN peerscope.public_peer_day.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope.public_peer_day.network IS 'Network.';
COMMENT ON COLUMN peerscope.public_peer_day.direction IS 'inbound or outbound.';
COMMENT ON COLUMN peerscope.public_peer_day.user_agent IS 'User agent; other for all that fewer than five peers claim.';
COMMENT ON COLUMN peerscope.public_peer_day.peers IS 'Distinct addresses, at least five.';
COMMENT ON COLUMN peerscope.public_peer_day.sessions IS 'Sessions of theirs with a completed handshake that began on the day.';

CREATE TABLE peerscope.public_connection_day (
    day           date NOT NULL,
    node_id       int NOT NULL,
    network       text NOT NULL,
    direction     text NOT NULL,
    peers         int NOT NULL CHECK (peers >= 5),
    sessions      int NOT NULL,
    handshaked    int NOT NULL,
    PRIMARY KEY (day, node_id, network, direction)
);
COMMENT ON TABLE peerscope.public_connection_day IS
    'How many peers connected to a node on a day.';
COMMENT ON COLUMN peerscope.public_connection_day.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope.public_connection_day.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.public_connection_day.network IS 'Network.';
COMMENT ON COLUMN peerscope.public_connection_day.direction IS 'inbound or outbound.';
COMMENT ON COLUMN peerscope.public_connection_day.peers IS 'Distinct addresses, at least five.';
COMMENT ON COLUMN peerscope.public_connection_day.sessions IS 'Sessions that began on the day.';
COMMENT ON COLUMN peerscope.public_connection_day.handshaked IS 'Those whose handshake was completed.';

INSERT INTO peerscope.retention (table_name, keep, time_column, note) VALUES
    ('public_release', NULL, NULL, 'by hand'),
    ('public_key', NULL, NULL, 'three rows'),
    ('public_day', NULL, NULL, 'one row a day'),
    ('public_own_address', NULL, NULL, 'some ten a node'),
    ('public_tx', '14 days', 'day', '0.5 M rows a day'),
    ('public_addr_hour', '90 days', 'day', 'a row an episode'),
    ('public_session', '1 year', 'day', 'some 3500 rows a node and day'),
    ('public_peer_day', NULL, NULL, 'some hundred rows a day'),
    ('public_connection_day', NULL, NULL, 'some ten rows a node and day');
INSERT INTO peerscope.public_release (release, note) VALUES (1, 'the first');
SELECT peerscope.make_public_keys();

-- 4. Who may do what. Later migrations that make tables call it again.

CREATE FUNCTION peerscope.grant_roles() RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    thing record;
BEGIN
    IF to_regrole('peerscope_ingest') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA peerscope TO peerscope_ingest;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA peerscope TO peerscope_ingest;
        ALTER DEFAULT PRIVILEGES IN SCHEMA peerscope
            REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON TABLES FROM peerscope_ingest;
        ALTER DEFAULT PRIVILEGES IN SCHEMA peerscope GRANT SELECT ON TABLES TO peerscope_ingest;
        GRANT EXECUTE ON FUNCTION peerscope.ensure_day(date) TO peerscope_ingest;
        GRANT EXECUTE ON FUNCTION peerscope.retire_partition(text) TO peerscope_ingest;
    END IF;
    IF to_regrole('peerscope_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA peerscope, peerscope_public TO peerscope_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA peerscope GRANT SELECT ON TABLES TO peerscope_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA peerscope_public GRANT SELECT ON TABLES TO peerscope_reader;
    END IF;
    IF to_regrole('peerscope_public') IS NOT NULL THEN
        REVOKE ALL ON SCHEMA peerscope FROM peerscope_public;
        GRANT USAGE ON SCHEMA peerscope_public TO peerscope_public;
        ALTER DEFAULT PRIVILEGES IN SCHEMA peerscope_public GRANT SELECT ON TABLES TO peerscope_public;
    END IF;
    FOR thing IN
        SELECT n.nspname, c.relname, c.relkind, c.relkind = 'p' OR c.relispartition AS is_event,
               peerscope.leaf_key(regexp_replace(c.relname, '_[0-9]{8}$', '')) IS NOT NULL AS is_keyed
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('peerscope', 'peerscope_public') AND c.relkind IN ('r', 'p', 'v', 'm')
         ORDER BY 1, 2
    LOOP
        IF to_regrole('peerscope_reader') IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %I.%I FROM peerscope_reader', thing.nspname, thing.relname);
            IF thing.relname <> 'public_key' THEN
                EXECUTE format('GRANT SELECT ON %I.%I TO peerscope_reader', thing.nspname, thing.relname);
            END IF;
        END IF;
        IF to_regrole('peerscope_public') IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %I.%I FROM peerscope_public', thing.nspname, thing.relname);
            IF thing.nspname = 'peerscope_public' THEN
                EXECUTE format('GRANT SELECT ON %I.%I TO peerscope_public', thing.nspname, thing.relname);
            END IF;
        END IF;
        IF to_regrole('peerscope_ingest') IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %I.%I FROM peerscope_ingest', thing.nspname, thing.relname);
            CONTINUE WHEN thing.relname = 'public_key' OR thing.nspname = 'peerscope_public';
            EXECUTE format('GRANT %s ON peerscope.%I TO peerscope_ingest',
                CASE WHEN thing.relkind IN ('v', 'm') THEN 'SELECT'
                     -- What an operator sets, and what migrations do.
                     WHEN thing.relname IN ('retention', 'digest_part', 'digest_input', 'schema_migration', 'alert_rule',
                                            'reject_reason', 'pool', 'public_release') THEN 'SELECT'
                     WHEN thing.is_event AND thing.is_keyed THEN 'SELECT, INSERT, UPDATE'
                     -- An event that was stored is not changed.
                     WHEN thing.is_event THEN 'SELECT, INSERT'
                     ELSE 'SELECT, INSERT, UPDATE, DELETE' END, thing.relname);
        END IF;
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION peerscope.grant_roles() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION peerscope.new_public_release(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION peerscope.make_public_keys() FROM PUBLIC;
COMMENT ON FUNCTION peerscope.grant_roles() IS
    'Grants each role what it may, on all there is: peerscope_ingest adds events and changes rollups, peerscope_reader reads all but keys, peerscope_public reads the views of schema peerscope_public. For migrations that make tables, and for an administrator who made the roles.';

-- 5. Retention of what other migrations made, now that all tables are there.

CREATE INDEX IF NOT EXISTS addr_arrival_day ON peerscope.addr_arrival (day);
UPDATE peerscope.retention r SET time_column = t.time_column
  FROM (SELECT unnest(ARRAY['addr_arrival', 'addr_degree', 'addr_episode', 'addr_flood', 'addr_session_day', 'addrman_slot',
                            'alert_sample', 'block_hop_leg', 'block_missing', 'block_skew', 'clock_audit_day', 'clock_audit_sample',
                            'compact_missing_cause', 'connection_hour', 'coverage_span', 'eclipse_hour', 'fleet_link',
                            'mempool_pair_sample', 'node_hour', 'peer_value_window', 'session_credit', 'spy_window', 'tx_reach']) AS table_name,
               'day' AS time_column
        UNION ALL VALUES ('addr_self', 'at'), ('addr_fanout', 'at'), ('alert', 'opened_at')) t
 WHERE r.table_name = t.table_name AND r.time_column IS NULL;
-- What Tests/Volume/report.sql found too much for 20 nodes and 1 TB a year: 0.3 M announcements a node and day take 130 MB with
-- their indexes, and the digest reads two days of them; an episode at each node takes half a kilobyte.
UPDATE peerscope.retention SET keep = '14 days', note = 'some 320 000 rows and 130 MB a node and day' WHERE table_name = 'addr_announcement';
UPDATE peerscope.retention SET keep = '30 days', note = 'an episode at each node: some 37 000 rows a node and day' WHERE table_name = 'addr_arrival';
UPDATE peerscope.retention SET keep = '30 days', note = 'then by hour, in message_hour' WHERE table_name = 'message_minute';
UPDATE peerscope.retention r SET note = n.note
  FROM (VALUES ('block_arrival', '144 rows a node and day'), ('block_header', '144 rows a day'),
               ('block_life', '144 rows a node and day'), ('block_propagation_day', 'eight rows a day'),
               ('block_summary', '144 rows a day'), ('block_validation', '144 rows a node and day'),
               ('compact_day', 'one row a node and day'), ('pool_day', 'some ten rows a day'),
               ('reorganisation', 'one row a day, if so many'), ('stale_height', 'a few rows a year')) AS n (table_name, note)
 WHERE r.table_name = n.table_name AND r.note IS NULL;
INSERT INTO peerscope.retention (table_name, keep, note) VALUES
    ('alert_rule', NULL, 'by hand'),
    ('pool', NULL, 'by hand'),
    ('reject_reason', NULL, 'by hand')
ON CONFLICT (table_name) DO NOTHING;

-- What the parts of the digest read, and what publish() does. What a part stores itself is among it: a day whose stored rows are
-- gone is not computed again.
INSERT INTO peerscope.digest_input (part, days_before, table_name)
SELECT part, days_before, unnest(tables) FROM (VALUES
    ('coverage', 2, ARRAY['coverage_span', 'fleet_link', 'clock_audit_sample', 'clock_audit_day', 'peer_session', 'ping_event']),
    ('blocks', 2, ARRAY['block_announcement', 'block_hop_leg', 'block_skew', 'compact_missing_tx', 'coverage_span', 'fleet_link',
                        'utxocache_flush', 'validation_window']),
    ('compact_missing', 1, ARRAY['compact_missing_cause', 'compact_missing_tx', 'mempool_entry', 'mempool_rejected', 'tx_seen',
                                 'tx_sighting']),
    ('addresses_sessions', 0, ARRAY['addr_session_day', 'addr_session_minute', 'peer_session']),
    -- 24 h of silence, and what clocks that are a day off say.
    ('addresses_propagation', 2, ARRAY['addr_announcement', 'addr_arrival', 'addr_episode']),
    ('addresses_coverage', 1, ARRAY['addr_arrival', 'addr_episode', 'coverage_span']),
    ('addresses_unique', 0, ARRAY['addr_day']),
    ('addresses_floods', 0, ARRAY['addr_entry', 'addr_flood', 'addr_session_day', 'addr_session_minute']),
    ('addresses_truth', 1, ARRAY['addr_day', 'peer_session']),
    ('addresses_self', 1, ARRAY['addr_announcement', 'addr_self']),
    ('addresses_fanout', 1, ARRAY['addr_announcement', 'addr_entry', 'addr_fanout']),
    ('addresses_degree', 1, ARRAY['addr_degree', 'addr_entry', 'addr_self', 'addr_session_day', 'coverage_span', 'peer_session']),
    -- Windows of seven days.
    ('peers', 7, ARRAY['addrman_slot', 'peer_session', 'session_credit', 'spy_window']),
    ('peers', 1, ARRAY['addrman_add', 'addrman_good', 'connection_hour', 'coverage_span', 'eclipse_hour', 'fleet_link',
                       'message_minute', 'node_hour']),
    ('transactions', 7, ARRAY['peer_session', 'session_credit']),
    ('transactions', 2, ARRAY['tx_seen', 'tx_sighting']),
    ('transactions', 1, ARRAY['block_missing', 'coverage_span', 'mempool_entry', 'mempool_pair_sample', 'peer_value_window',
                              'tx_reach', 'validation_window']),
    ('alerts', 1, ARRAY['addr_session_minute', 'alert', 'alert_sample', 'connection_event', 'coverage_span', 'eclipse_hour',
                        'mempool_pair_sample', 'mempool_reject_hour', 'node_hour', 'ping_event', 'spy_window']),
    ('publish', 1, ARRAY['addr_arrival', 'addr_entry', 'addr_episode', 'fleet_link', 'mempool_added', 'peer_session',
                         'public_addr_hour', 'public_session', 'public_tx', 'tx_reach', 'tx_seen', 'tx_sighting'])
) AS i (part, days_before, tables);

SELECT peerscope.grant_roles();
