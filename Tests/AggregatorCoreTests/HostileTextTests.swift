import BitcoinP2P
import ByteCodec
import CPlatform
import Foundation
import PostgreSQL
import Testing
import Tracepoints

@testable import AggregatorCore

/// Peers who choose their words: what a node hears of them goes through the whole aggregator.
@Suite(.database, .serialized)
struct HostileTextTests {
    /// Bytes that mean something to SQL, HTML, a terminal, a log, COPY, or UTF-8.
    private static let hostile: [[UInt8]] =
        [
            "'); DROP TABLE peerscope.node; --", "<script>alert(1)</script>", "\u{1b}]0;owned\u{7}\u{1b}[2J",
            "a\nlevel=error forged=\"yes\"", "\\N\t\\.", "%s%n", "\u{202e}gnp.exe\u{2028}",
            "=HYPERLINK(\"x\")",
        ].map { Array($0.utf8) } + [[0, 0x41, 0], [0xff, 0xfe, 0xc0, 0x80], Array(0x80...0x9f)]

    /// BIP 324's predecessor of a greeting: everything fixed but the user agent.
    private static func version(_ userAgent: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [0x80, 0x11, 1, 0] + [UInt8](repeating: 0, count: 16 + 52)
        bytes += [1, 2, 3, 4, 5, 6, 7, 8, UInt8(userAgent.count)] + userAgent
        return bytes + [0, 0, 0, 0, 1]
    }

    private static let peers = 300

    /// Every peer connects, greets, and sends a message of a type that nobody has heard of, and then one of its own.
    private static func events() -> [CaptureBatches.Event] {
        var events: [CaptureBatches.Event] = []
        func fire(_ tracepoint: Tracepoint, _ arguments: [Any]) {
            events.append(
                .init(
                    node: "alpha", monotonic: 1_000_000_000 + UInt64(events.count) * 1_000_000,
                    tracepoint: tracepoint, arguments: arguments))
        }
        for peer in 0..<peers {
            let text = hostile[peer % hostile.count]
            let address: Any = peer.isMultiple(of: 2) ? text : "198.51.100.\(peer % 250):8333"
            let kind: Any = peer.isMultiple(of: 3) ? text : "inbound"
            fire(.inboundConnection, [peer, address, kind, 1, 10])
            let greeting = version(text)
            fire(.inboundMessage, [peer, address, kind, "version", greeting.count, greeting])
            // At most twelve bytes on the wire, of any kind.
            let unknown = Array((Array("\(peer)".utf8) + text).prefix(12))
            for type in [unknown, Array(text.prefix(12))] {
                fire(.inboundMessage, [peer, address, kind, type, 3, [1, 2, 3] as [UInt8]])
            }
            fire(.misbehavingConnection, [peer, text])
            fire(.closedConnection, [peer, address, kind, 1, 1_700_000_000])
        }
        return events
    }

    @Test func whatPeersChooseIsPrintableInEveryColumnAndLineAndMakesNoNamesOfItsOwn() throws {
        let conninfo = try WithDatabase.fresh()
        let log = CapturedLog()
        let aggregator = try WithDatabase.aggregator(conninfo, logger: log.logger) { $0.digestSeconds = 1 }
        let capture = CaptureBatches(events: Self.events())
        let batches = ["alpha": capture.batches(of: "alpha", now: ps_realtime_ns())]
        try IngestTests.send(batches, of: capture, to: aggregator)
        let connection = try Connection(conninfo)
        func scalar(_ sql: String) throws -> String { try connection.execute(sql).scalar ?? "" }
        let deadline = Date(timeIntervalSinceNow: 60)
        while try scalar("SELECT count(*) FROM peerscope.digest_state") == "0", Date() < deadline {
            usleep(200_000)
        }
        aggregator.stop()
        // All of it is there: nothing was refused, and no table is gone.
        #expect(
            try scalar("SELECT sum(stored) FROM peerscope.stream_tracepoint") == "\(capture.events.count)")
        #expect(try scalar("SELECT count(*) FROM peerscope.p2p_message") == "\(3 * Self.peers)")
        let agents = try scalar("SELECT string_agg(DISTINCT user_agent, '|') FROM peerscope.peer_session")
        #expect(agents.contains("<script>alert(1)</script>") && agents.contains("\\x1b]0;owned\\x07\\x1b[2J"))
        #expect(agents.contains("\\x00A\\x00") && agents.contains("\\xff\\xfe\\xc0\\x80"))

        // Whatever column of whatever table: printable ASCII.
        let columns = try connection.execute(
            """
            SELECT format('%I', c.relname), format('%I', a.attname)
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'text[]'::regtype)
               -- What an operator and migrations write is not a peer's.
               AND c.relname NOT IN ('schema_migration', 'retention', 'alert_rule', 'pool', 'reject_reason', 'digest_part', 'digest_input')
            """)
        #expect(columns.rows.count > 40)
        for row in columns.rows {
            let (table, column) = (row[0] ?? "", row[1] ?? "")
            #expect(
                try scalar("SELECT count(*) FROM peerscope.\(table) WHERE \(column)::text !~ '^[ -~]*$'")
                    == "0",
                "\(table).\(column)")
        }
        // Tables that grow with names know those of Core, and one for all others.
        let known = MessageType.allCases.count + 1
        let named = try connection.execute(
            """
            SELECT format('%I', c.relname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND a.attname = 'msg_type' AND c.relname <> 'p2p_message'
            """)
        #expect(named.rows.count >= 3)
        for table in named.rows.compactMap({ $0[0] }) {
            let types = Int(try scalar("SELECT count(DISTINCT msg_type) FROM peerscope.\(table)")) ?? .max
            #expect(types <= known, "\(table) has \(types) message types")
        }
        #expect(
            try scalar(
                "SELECT string_agg(DISTINCT msg_type, ' ' ORDER BY msg_type) FROM peerscope.message_minute")
                == "*other* version")
        // No such byte in a line of the log, in which a value stands between quotes.
        for line in log.lines {
            #expect(line.unicodeScalars.allSatisfy { (0x20..<0x7f).contains($0.value) }, "\(line)")
        }
    }
}
