import ByteCodec
import CPlatform
import CollectorProtocol
import Foundation
import Logging
import PostgreSQL
import Testing
import Tracepoints

@testable import AggregatorCore

@Suite(.database, .serialized)
struct IngestTests {
    static let capture =
        #filePath.components(separatedBy: "/Tests/")[0] + "/Tests/Fixtures/captures/regtest6.jsonl.gz"

    /// Sends every batch of every node and waits for the commits.
    static func send(
        _ batches: [String: [[UInt8]]], of capture: CaptureBatches, to aggregator: Aggregator
    ) throws {
        let agent = try TestAgent(port: aggregator.port)
        let welcome = try agent.greet(capture.nodes.map { ($0, capture.streamID(of: $0)) })
        var wanted: [UInt64: UInt64] = [:]
        for (_, list) in batches.sorted(by: { $0.key < $1.key }) {
            for batch in list {
                let header = try BatchHeader.read(batch.span.raw)
                let durable = welcome.streams.first { $0.streamID == header.streamID }?.durableSequence ?? 0
                guard header.lastSequence > durable else { continue }
                try agent.send(batch: batch)
                wanted[header.streamID] = header.lastSequence
            }
        }
        try agent.awaitCommitted(wanted)
        try agent.send(Goodbye(code: .done, reason: "done"))
    }

    @Test func everyEventOfACaptureBecomesARow() throws {
        let capture = try CaptureBatches(path: Self.capture)
        let conninfo = try WithDatabase.fresh()
        let now = ps_realtime_ns()
        let batches = Dictionary(
            uniqueKeysWithValues: capture.nodes.map { ($0, capture.batches(of: $0, now: now)) })
        let aggregator = try WithDatabase.aggregator(conninfo)
        try Self.send(batches, of: capture, to: aggregator)
        aggregator.stop()

        let connection = try Connection(conninfo)
        for node in capture.nodes {
            let found = try connection.query(
                """
                SELECT tracepoint, hits, stored FROM peerscope.stream_tracepoint t
                  JOIN peerscope.node n USING (node_id) WHERE n.name = $1
                """, [node])
            var stored: [Tracepoint: Int] = [:]
            for row in found.rows {
                if let name = row[0], let tracepoint = Tracepoint(name: name) {
                    stored[tracepoint] = row[2].flatMap { Int($0) }
                    #expect(row[1] == row[2])
                }
            }
            #expect(stored == capture.counts(of: node))
        }
        let rows = { (sql: String) in try connection.execute(sql).scalar.flatMap { Int($0) } ?? -1 }
        let messages = capture.events.count { [.inboundMessage, .outboundMessage].contains($0.tracepoint) }
        #expect(try rows("SELECT count(*) FROM peerscope.p2p_message") == messages)
        // One client sends one message of each of these on purpose.
        let statuses = try connection.execute(
            """
            SELECT msg_type || ' ' || decode_status FROM peerscope.p2p_message WHERE decode_status <> 'ok'
             ORDER BY 1
            """)
        #expect(
            statuses.rows.map { $0[0] } == [
                "addrv2 malformed", "headers malformed", "inv malformed", "zzz_unknown1 unknown",
            ])
        #expect(
            try rows("SELECT count(*) FROM peerscope.block_connected")
                == capture.events.count { $0.tracepoint == .blockConnected })
        #expect(
            try rows("SELECT sum(messages) FROM peerscope.message_minute") == messages)
        #expect(
            try rows("SELECT sum(msgs_in + msgs_out) FROM peerscope.peer_session") == messages)
        #expect(
            try rows(
                "SELECT count(*) FROM peerscope.clock_segment WHERE eps_ns = 0 AND corr_ns = 0 AND quality = 'exact'"
            )
                == rows("SELECT count(*) FROM peerscope.clock_segment"))
        #expect(try rows("SELECT count(*) FROM peerscope.addr_announcement") > 1200)
        #expect(try rows("SELECT count(*) FROM peerscope.block_arrival") > 0)
        #expect(
            try rows(
                "SELECT count(*) FROM peerscope.stream WHERE durable_seq - first_seq + 1 <> records + gap_seqs"
            ) == 0)
    }

    @Test func rowsDoNotDependOnTransactionsRestartsOrDuplicates() throws {
        let capture = try CaptureBatches(path: Self.capture)
        let now = ps_realtime_ns()
        let batches = Dictionary(
            uniqueKeysWithValues: capture.nodes.map { ($0, capture.batches(of: $0, size: 700, now: now)) })

        let whole = try WithDatabase.fresh()
        let once = try WithDatabase.aggregator(whole)
        try Self.send(batches, of: capture, to: once)
        once.stop()

        let pieces = try WithDatabase.fresh()
        let rounds = 4
        for round in 1...rounds {
            let aggregator = try WithDatabase.aggregator(pieces)
            let part = batches.mapValues { Array($0.prefix($0.count * round / rounds)) }
            try Self.send(part, of: capture, to: aggregator)
            // Everything once more, behind the watermark.
            try Self.resend(part, of: capture, to: aggregator)
            aggregator.stop()
        }
        let expected = try Self.contents(whole)
        let found = try Self.contents(pieces)
        for table in expected.keys.sorted() {
            #expect(found[table] == expected[table], "rows of \(table)")
        }
    }

    @Test func savedSegmentsGiveTheSameRows() throws {
        let capture = try CaptureBatches(path: Self.capture)
        let now = ps_realtime_ns()
        let batches = Dictionary(
            uniqueKeysWithValues: capture.nodes.map { ($0, capture.batches(of: $0, now: now)) })
        let live = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(live)
        try Self.send(batches, of: capture, to: aggregator)
        aggregator.stop()

        // Kept for a look at them with the command and with Tests/Oracle, if wanted.
        let kept = ProcessInfo.processInfo.environment["PEERSCOPE_TEST_SEGMENTS"]
        let folder = kept ?? WithDatabase.folder + "/segments"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var files: [String] = []
        for node in capture.nodes {
            files.append(folder + "/" + node + ".seg")
            try Data((batches[node] ?? []).joined()).write(to: URL(fileURLWithPath: files[files.count - 1]))
        }
        let replayed = try WithDatabase.fresh()
        var settings = Aggregator.Settings(
            conninfo: replayed, dataDirectory: WithDatabase.folder + "/data")
        settings.payloads = .all
        let logger = Logger(label: "test")
        let outcome = try SegmentReplay.run(settings, files: files, logger: logger)
        #expect(outcome == .init(stored: batches.values.map(\.count).reduce(0, +), known: 0, tornBytes: 0))
        let again = try SegmentReplay.run(settings, files: files, logger: logger)
        #expect(again == .init(stored: 0, known: outcome.stored, tornBytes: 0))
        #expect(try Self.contents(replayed) == Self.contents(live))
    }

    /// Sends batches that are committed already.
    static func resend(
        _ batches: [String: [[UInt8]]], of capture: CaptureBatches, to aggregator: Aggregator
    ) throws {
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet(capture.nodes.map { ($0, capture.streamID(of: $0)) })
        for batch in batches.values.joined() {
            let header = try BatchHeader.read(batch.span.raw)
            try agent.send(batch: batch)
            let answer = try agent.receive()
            #expect(answer.type == .ack)
            let position = try Ack(body: answer.body.span.raw).streams.first
            #expect(position?.streamID == header.streamID)
        }
        try agent.send(Goodbye(code: .done, reason: "done"))
    }

    /// A digest of every table, without what says when the aggregator did something.
    static func contents(_ conninfo: String) throws -> [String: String] {
        let connection = try Connection(conninfo)
        let tables = try connection.execute(
            """
            SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND a.attnum > 0 AND NOT a.attisdropped AND c.relname NOT IN ('schema_migration', 'clock_reference', 'agent')
               AND c.relname NOT LIKE 'public%'
               AND a.attname NOT IN ('at', 'last_batch_at', 'first_seen_at', 'last_seen_at', 'created_at',
                                     'agent_id', 'generation')
             GROUP BY c.relname
            """)
        var contents: [String: String] = [:]
        for row in tables.rows {
            guard let table = row[0], let columns = row[1] else { continue }
            let digest = try connection.execute(
                """
                SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')
                  FROM (SELECT \(columns) FROM peerscope.\(table)) t
                """)
            contents[table] = digest.scalar
        }
        return contents
    }
}
