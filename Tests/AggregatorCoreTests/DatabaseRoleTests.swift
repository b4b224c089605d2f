import CPlatform
import Foundation
import PostgreSQL
import Testing

@testable import AggregatorCore

/// What the role that an aggregator connects with may do: everything that storing, the digest and retention take, and
/// nothing else.
@Suite(.database, .serialized)
struct DatabaseRoleTests {
    /// Tables by what `peerscope_ingest` may do to them, a partition standing for its table. One that is new has to be
    /// added here by somebody who has thought about it.
    private static let expected: [String: String] = [
        // What operators set and migrations write.
        "SELECT": """
        alert_rule digest_input digest_part pool public_release reject_reason retention schema_migration
        """,
        // Events: stored once, never changed; retention drops whole partitions.
        "INSERT SELECT": """
        addr_entry addrman_add addrman_good block_announcement block_connected coin_selection connection_event
        inv_entry mempool_added mempool_rejected mempool_removed mempool_replaced p2p_message ping_event
        tracepoint_count tx_seen utxocache_change utxocache_flush
        """,
        // Rollups in partitions.
        "INSERT SELECT UPDATE": "addr_day tx_sighting",
        // Bookkeeping, rollups, and results of the digest, which are computed anew; retention deletes rows.
        "DELETE INSERT SELECT UPDATE": """
        addr_announcement addr_arrival addr_budget addr_coverage_day addr_degree addr_episode addr_fanout addr_flood
        addr_known addr_self addr_session_day addr_session_minute addr_sighting addr_unique_day addrman_slot agent
        agent_status alert alert_sample attached_probe block_arrival block_header block_hop_leg block_life
        block_missing block_propagation_day block_skew block_summary block_validation capture_interval
        clock_audit_day clock_audit_sample clock_reference clock_sample clock_segment compact_day
        compact_missing_cause compact_missing_tx connection_hour coverage_span digest_state dirty_day eclipse_hour
        event_gap fleet_link maintenance_log mempool_entry mempool_pair_sample mempool_reject_hour message_hour
        message_minute node node_hour peer_session peer_value_window policy_change pool_day process_run
        public_addr_hour public_connection_day public_day public_own_address public_peer_day public_session public_tx
        quarantine reorganisation retention_horizon session_credit session_traffic spy_window stale_height stream
        stream_tracepoint tx_reach validation_window
        """,
    ]

    @Test func theIngestRoleMayDoToEachTableWhatIsWrittenDownHereAndNoMore() throws {
        let connection = try Connection(WithDatabase.fresh())
        try connection.execute("SELECT peerscope.ensure_day(current_date)")
        // Directly, by membership, or as PUBLIC: what counts is what the server would allow.
        let found = try connection.execute(
            """
            SELECT privileges, string_agg(name, ' ' ORDER BY name) FROM (
                SELECT DISTINCT regexp_replace(c.relname, '_[0-9]{8}$', '') AS name,
                       (SELECT string_agg(p, ' ' ORDER BY p)
                          FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p
                         WHERE has_table_privilege('peerscope_ingest', c.oid, p)) AS privileges
                  FROM pg_class c
                 WHERE c.relnamespace IN ('peerscope'::regnamespace, 'peerscope_public'::regnamespace)
                   AND c.relkind IN ('r', 'p', 'f')) AS t
             WHERE privileges IS NOT NULL GROUP BY 1
            """)
        var tables: [String: String] = [:]
        for row in found.rows { tables[row[0] ?? ""] = row[1] }
        let wanted = Self.expected.mapValues {
            $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        #expect(Set(tables.keys) == Set(wanted.keys))
        for (privileges, names) in wanted { #expect(tables[privileges] == names, "\(privileges)") }
    }

    @Test func beyondTablesItMayAskForPartitionsAndNothingElse() throws {
        let connection = try Connection(WithDatabase.fresh())
        func answer(_ sql: String) throws -> String { try connection.execute(sql).scalar ?? "" }
        // No login, no role, no schema, no database of its own, and no other role's rights.
        #expect(
            try answer(
                """
                SELECT concat_ws(' ', rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls)
                  FROM pg_roles WHERE rolname = 'peerscope_ingest'
                """) == "f f f f f f")
        #expect(
            try answer("SELECT count(*) FROM pg_auth_members WHERE member = 'peerscope_ingest'::regrole")
                == "0")
        #expect(
            try answer(
                """
                SELECT count(*) FROM pg_namespace
                 WHERE nspname !~ '^pg_temp' AND has_schema_privilege('peerscope_ingest', oid, 'CREATE')
                """) == "0")
        #expect(
            try answer(
                "SELECT count(*) FROM pg_shdepend WHERE refobjid = 'peerscope_ingest'::regrole AND deptype = 'o'"
            )
                == "0")
        // Views are read only: an updatable one would write with its owner's rights.
        #expect(
            try answer(
                """
                SELECT count(*) FROM pg_class WHERE relnamespace IN ('peerscope'::regnamespace, 'peerscope_public'::regnamespace)
                   AND relkind IN ('v', 'm') AND has_table_privilege('peerscope_ingest', oid, 'INSERT, UPDATE, DELETE')
                """) == "0")
        #expect(
            try answer("SELECT count(*) FROM pg_attribute WHERE attacl::text LIKE '%peerscope_ingest%'")
                == "0")
        #expect(
            try answer(
                """
                SELECT string_agg(relname, ' ') FROM pg_class
                 WHERE relkind = 'S' AND relnamespace = 'peerscope'::regnamespace
                   AND CASE WHEN relkind = 'S' THEN has_sequence_privilege('peerscope_ingest', oid, 'USAGE, UPDATE') END
                """) == "node_node_id_seq")
        // Functions that run with their owner's rights: two, which check what they are asked for.
        #expect(
            try answer(
                """
                SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc
                 WHERE prosecdef AND pronamespace IN ('peerscope'::regnamespace, 'peerscope_public'::regnamespace)
                   AND has_function_privilege('peerscope_ingest', oid, 'EXECUTE')
                """) == "ensure_day retire_partition")
        #expect(
            try answer(
                """
                SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc
                 WHERE pronamespace = 'peerscope'::regnamespace AND NOT has_function_privilege('peerscope_ingest', oid, 'EXECUTE')
                """)
                == "grant_roles make_public_keys new_public_release")
    }

    @Test func anAggregatorThatConnectsWithItStoresAndComputesEverything() throws {
        let owner = try WithDatabase.fresh()
        let role = "collector\(UInt32.random(in: 0 ... .max))"
        try Connection(owner).execute("CREATE ROLE \(role) LOGIN IN ROLE peerscope_ingest")
        let conninfo = owner + " user=\(role)"
        #expect(try Connection(conninfo).execute("SELECT current_user").scalar == role)
        // It starts on a database whose schema somebody else brought up to date.
        let checkout = #filePath.components(separatedBy: "/Tests/")[0]
        #expect(try Migrator(schema: checkout + "/schema").migrate(Connection(conninfo)).applied.isEmpty)

        let log = CapturedLog()
        let aggregator = try WithDatabase.aggregator(conninfo, logger: log.logger) { $0.digestSeconds = 1 }
        let capture = try CaptureBatches(path: IngestTests.capture)
        let now = ps_realtime_ns()
        let batches = Dictionary(
            uniqueKeysWithValues: capture.nodes.map { ($0, capture.batches(of: $0, now: now)) })
        try IngestTests.send(batches, of: capture, to: aggregator)
        let connection = try Connection(owner)
        func count(_ sql: String) throws -> Int {
            try connection.execute(sql).scalar.flatMap { Int($0) } ?? -1
        }
        let deadline = Date(timeIntervalSinceNow: 60)
        while try count("SELECT count(*) FROM peerscope.digest_state") == 0, Date() < deadline {
            usleep(200_000)
        }
        aggregator.stop()
        #expect(try count("SELECT sum(stored) FROM peerscope.stream_tracepoint") == capture.events.count)
        #expect(try count("SELECT count(*) FROM peerscope.digest_state") > 0)
        #expect(try count("SELECT count(*) FROM peerscope.digest_state WHERE error IS NOT NULL") == 0)
        #expect(try count("SELECT count(*) FROM peerscope.maintenance_log WHERE action = 'failed'") == 0)
        #expect(!log.text.contains("permission denied") && !log.text.contains("42501"), "\(log.text)")
        // What belongs to it is nothing.
        #expect(
            try count(
                "SELECT count(*) FROM pg_class WHERE relowner = '\(role)'::regrole AND relpersistence = 'p'")
                == 0)
    }
}
