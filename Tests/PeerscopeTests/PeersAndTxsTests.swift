import ArgumentParser
import Foundation
import PostgreSQL
import Testing

@testable import peerscope

extension DatabaseTests {
    @Suite("peerscope txs")
    struct TxsTests {
        /// tx_propagation with three transactions: known by both ids, by wtxid only, by txid only.
        static let view = """
            DROP VIEW IF EXISTS peerscope.tx_propagation CASCADE;
            CREATE VIEW peerscope.tx_propagation AS
            SELECT wire(wtxid) AS wtxid, wire(txid) AS txid, t0::timestamptz, nodes, eligible, p50_ms::float8,
                   p90_ms::float8, nodes / nullif(eligible, 0)::float8 AS coverage, reason AS removal_reason, 0.25::float8 AS error_ms
            FROM (VALUES (repeat('ab', 32), repeat('cd', 32), '2026-11-01 10:00:00.123456+00', 5, 6, 800, 2500.5, 'block'),
                         (repeat('11', 32), NULL, '2026-11-01 11:00+00', 1, 0, 0, 0, NULL),
                         (NULL, repeat('22', 32), '2026-11-01 09:00+00', 2, 6, 1, 2, 'expiry'))
                 AS t (wtxid, txid, t0, nodes, eligible, p50_ms, p90_ms, reason)
            """

        func answer(_ connection: Connection, _ arguments: String...) throws -> Answer {
            let command = try Peerscope.parseAsRoot(["txs"] + arguments)
            return try #require(command as? Txs).answer(connection)
        }

        @Test("shows the newest first, each under the id that is known")
        func table() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(Self.view)
            let lines = try answer(connection).text(.table).split(separator: "\n").map(String.init)
            #expect(lines.count == 4)
            #expect(lines[0].contains("WTXID") && lines[0].contains("P90 ms"))
            #expect(lines[1].hasPrefix("1111111111") && lines[1].contains("2026-11-01 11:00:00.000"))
            #expect(
                lines[2].hasPrefix("abab") && lines[2].hasSuffix("5   6     800    2501  0.250  block"),
                "\(lines[2])")
            #expect(lines[3].hasPrefix("txid 2222") && lines[3].hasSuffix("expiry"))
            #expect(lines.allSatisfy { $0.count <= 120 })
        }

        @Test("keeps whole hashes in JSON and CSV")
        func programs() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(Self.view)
            let json = try answer(connection).text(.json)
            #expect(json.contains("\"wtxid\": \"\(String(repeating: "ab", count: 32))\""))
            #expect(json.contains("\"t0\": \"2026-11-01T10:00:00.123456Z\""))
            #expect(try answer(connection).text(.csv).hasPrefix("wtxid,txid,t0,nodes,eligible,p50_ms"))
        }

        @Test("selects by the beginning of either id, by time and by nodes")
        func selects() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(Self.view)
            func count(_ arguments: String...) throws -> Int {
                let command = try #require(try Peerscope.parseAsRoot(["txs"] + arguments) as? Txs)
                return try command.answer(connection).sections[0].result.rows.count
            }
            #expect(try count("--tx", "cdcd") == 1)
            #expect(try count("--tx", String(repeating: "AB", count: 32)) == 1)
            #expect(try count("--tx", String(repeating: "22", count: 32)) == 1)
            #expect(try count("--tx", "1112") == 0)
            #expect(try count("--since", "2026-11-01 10:00") == 2)
            #expect(try count("--min-nodes", "3") == 1)
            #expect(try count("--limit", "2") == 2)
        }

        @Test("says why there is nothing")
        func nothing() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(Self.view)
            #expect(
                try answer(connection, "--since", "1h").text(.table)
                    == "Nothing stored yet: no agent has connected to the "
                    + "aggregator. Is the agent running?\n")
            try addNodes(connection)
            #expect(
                try answer(connection, "--since", "1h", "--min-nodes", "2").text(.table)
                    == "No transaction was heard of by 2 nodes since then. (2 nodes, last event 2026-11-02 12:00:00 UTC.)\n"
            )
        }
    }

    @Suite("peerscope peers")
    struct PeersTests {
        static let views = """
            DROP VIEW IF EXISTS peerscope.eclipse_indicators, peerscope.spy_candidates, peerscope.peer_value CASCADE;
            CREATE VIEW peerscope.eclipse_indicators AS
            SELECT node, hour::timestamptz, population, CASE WHEN effective_groups IS NOT NULL THEN 0.5::float8 END AS netgroup_hhi, effective_groups::float8,
                   0.75::float8 AS top_group_share, NULL::float8 AS top_source_share, NULL::float8 AS table_occupancy,
                   3 AS outbound_replacements, NULL::float8 AS evicted_per_inbound, 90.0::float8 AS tip_lag_s,
                   8.5::float8 AS members, '10.0.0.0/16' AS top_group
            FROM (VALUES ('a', '2026-11-01 10:00+00', 'outbound', 1.5), ('a', '2026-11-01 11:00+00', 'outbound', 2.5),
                         ('a', '2026-11-01 11:00+00', 'inbound', 20), ('b', '2026-11-01 09:00+00', 'outbound', 7),
                         ('c', '2026-10-01 09:00+00', 'outbound', 7), ('b', '2026-11-01 09:00+00', 'addrman', NULL)) AS t (node, hour, population, effective_groups);
            CREATE VIEW peerscope.spy_candidates AS
            SELECT "group", 5 AS nodes, 40 AS sessions, life::float8 AS median_life_s, 12 AS reconnects, 90000::bigint AS inv_out,
                   3::bigint AS getdata_in, 0::bigint AS tx_in, 4 AS agents, score::float8
            FROM (VALUES ('10.1.2.0/24', NULL, 0.2), ('10.9.9.0/24', 3600, 0.9)) AS t ("group", life, score);
            CREATE VIEW peerscope.peer_value AS
            SELECT peer, '10.1.2.0/24' AS "group", agent, 2 AS nodes, 3 AS sessions, blocks::bigint AS first_blocks,
                   blocks::bigint AS first_transactions, 12.5::float8 AS megabytes, 0.08::float8 AS first_blocks_per_mb,
                   8.0::float8 AS first_transactions_per_mb, 1 AS evicted
            FROM (VALUES ('10.1.2.3', '/Satoshi:27.0.0/', 1), ('10.1.2.4', NULL, 5), ('10.1.2.5', NULL, 0)) AS t (peer, agent, blocks)
            """

        func answer(_ connection: Connection, _ arguments: String...) throws -> Answer {
            let command = try Peerscope.parseAsRoot(["peers"] + arguments)
            return try #require(command as? Peers).answer(connection)
        }

        @Test(
            "shows each node's newest hour of the last day of data, the spies by score, the peers by blocks")
        func table() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(Self.views)
            let sections = try answer(connection).sections
            #expect(sections.map(\.key) == ["eclipse", "spies", "value"])
            let eclipse = sections[0].result
            #expect(
                eclipse.rows.indices.map {
                    eclipse.value("node", row: $0) ?? "" + (eclipse.value("population", row: $0) ?? "")
                }
                    == ["a", "a", "b"])
            #expect(
                eclipse.value("population", row: 0) == "inbound"
                    && eclipse.value("effective_groups", row: 1) == "2.5")
            let text = try answer(connection).text(.table)
            let lines = text.split(separator: "\n").map(String.init)
            #expect(lines.allSatisfy { $0.count <= 120 }, "\(text)")
            #expect(
                lines.contains {
                    $0.hasPrefix("a     2026-11-01 11:00  outbound   8.50    2.50   75.0  10.0.0.0/16")
                })
            let spies = try #require(lines.firstIndex { $0.hasPrefix("GROUP ") })
            #expect(lines[spies + 1].hasPrefix("10.9.9.0/24  0.900") && lines[spies + 2].contains("longer"))
            let value = try #require(lines.firstIndex { $0.hasPrefix("PEER ") })
            #expect(lines[value + 1].hasPrefix("10.1.2.4  10.1.2.0/24  -"))
        }

        @Test("answers about one part when asked, and about a node or since a time means indicators")
        func parts() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(Self.views)
            #expect(
                try answer(connection, "--about", "value", "--limit", "1").sections.map(\.result.rows.count)
                    == [1])
            #expect(try answer(connection, "--about", "value").text(.csv).hasPrefix("peer,group,agent"))
            #expect(try answer(connection, "--node", "b").sections.map(\.result.rows.count) == [1])
            #expect(try answer(connection, "--since", "2026-09-01").sections[0].result.rows.count == 5)
            try addNodes(connection)
            #expect(usageError { _ = try answer(connection, "--node", "aa") }.contains("did you mean a?"))
        }

        @Test("says why there is nothing")
        func nothing() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(Self.views)
            try addNodes(connection)
            let text = try answer(connection, "--since", "1h").text(.table)
            #expect(
                text
                    == "No node was captured in an hour since then. (2 nodes, last event 2026-11-02 12:00:00 UTC.)\n"
            )
        }
    }
}
