import ByteCodec
import CPlatform
import CollectorProtocol
import PostgreSQL
import Testing
import Tracepoints

@testable import AggregatorCore

/// One event of every tracepoint, with arguments that tell each other apart.
private enum Sample {
    static let run: UInt64 = 42

    /// A batch of one event for each of `tracepoints`.
    static func batch(_ tracepoints: [Tracepoint], at realtime: Int64, absent: Bool = false) -> [UInt8] {
        var builder = BatchBuilder(node: "alpha", streamID: 77, bootID: CaptureBatches.boot)
        builder.setClock(clk: 3, baseMonotonic: 1000, baseRealtime: realtime)
        for tracepoint in tracepoints {
            let arguments = tracepoint.arguments.dropLast(absent ? tracepoint.optionalArguments : 0)
            builder.begin(
                kind: tracepoint.rawValue, flags: absent ? [.optionalAbsent] : [], run: run, tid: 9,
                monotonic: 1000)
            for (index, argument) in arguments.enumerated() { append(argument, index, to: &builder) }
            builder.end()
        }
        var out = ByteWriter()
        builder.seal(firstSequence: 1, ringEpoch: 1, ringEnd: 1, into: &out)
        return out.bytes
    }

    private static func append(
        _ argument: Tracepoint.Argument, _ index: Int, to builder: inout BatchBuilder
    ) {
        switch argument.kind {
        case .signed: builder.signed(-Int64(index) - 1)
        case .unsigned: builder.unsigned(UInt64(index) + 1)
        case .boolean: builder.boolean(true)
        case .hash: builder.hash([UInt8](repeating: UInt8(index) + 1, count: 32).span.raw)
        case .string: builder.string(argument.name == "msg_type" ? "ping" : argument.name + "\n\\é")
        case .payload: builder.payload([5, 4, 3, 2, 1, 0, 0, 0].span.raw)
        }
    }
}

struct CompletenessTests {
    @Test(arguments: Tracepoint.allCases) func everyTracepointHasARowWriter(_ tracepoint: Tracepoint) throws {
        let realtime: Int64 = 1_700_000_000_000_000_000
        let bytes = Sample.batch([tracepoint], at: realtime)
        let batch = try BatchReader(bytes.span.raw)
        let everything = Int64.min...Int64.max
        let survey = try BatchSurvey(batch, accepted: everything)
        let decoder = BatchDecoder(DecodeSettings())
        let state = StreamState(key: StreamKey(node: 1, stream: 77), nodeName: "alpha", durable: 0)
        try decoder.apply(batch, survey: survey, accepted: everything, to: state)
        let rows = EventTable.allCases.map { table in
            decoder.buffers.all.reduce(0) { $0 + $1[table].rowCount }
        }
        #expect(rows.reduce(0, +) >= 1)
        let key = CountsKey(run: Int64(Sample.run), epoch: 1, tracepoint: tracepoint)
        #expect(state.counts[key]?.stored == 1)
        #expect(state.counts[key]?.hits == 1)
        #expect(survey.needs.days == [UTCDay(micros: realtime / 1000)])
    }

    @Test func everyEventTableHasColumnsOfItsOwn() {
        for table in EventTable.allCases {
            #expect(!table.ownColumns.isEmpty)
            #expect(Set(table.ownColumns).count == table.ownColumns.count)
        }
    }
}

@Suite(.database, .serialized)
struct RowTests {
    /// The rows that one event of each tracepoint makes, as text, without node, ts and clk.
    private static let golden: [String: [String]] = [
        "connection_event": [
            #"(42,2,inbound,-1,"addr\\x0a\\\\\\xc3\\xa9","conn_type\\x0a\\\\\\xc3\\xa9",i2p,5,,)"#,
            #"(42,3,outbound,-1,"addr\\x0a\\\\\\xc3\\xa9","conn_type\\x0a\\\\\\xc3\\xa9",i2p,5,,)"#,
            #"(42,4,evicted,-1,"addr\\x0a\\\\\\xc3\\xa9","conn_type\\x0a\\\\\\xc3\\xa9",i2p,,"1970-01-01 00:00:00+00",)"#,
            #"(42,5,closed,-1,"addr\\x0a\\\\\\xc3\\xa9","conn_type\\x0a\\\\\\xc3\\xa9",i2p,,"1970-01-01 00:00:00+00",)"#,
            #"(42,6,misbehaving,-1,,,,,,"reason\\x0a\\\\\\xc3\\xa9")"#,
        ],
        "utxocache_flush": ["(42,8,-1,2,3,4,t)"],
        "mempool_rejected": [
            #"(42,19,"\\x0101010101010101010101010101010101010101010101010101010101010101","reason\\x0a\\\\\\xc3\\xa9")"#
        ],
        "coin_selection": [
            #"(42,12,selected_coins,"wallet\\x0a\\\\\\xc3\\xa9","algorithm\\x0a\\\\\\xc3\\xa9",-3,-4,-5,,,,)"#,
            #"(42,13,normal_create_tx_internal,"wallet\\x0a\\\\\\xc3\\xa9",,,,,,t,-3,-4)"#,
            #"(42,14,attempting_aps_create_tx,"wallet\\x0a\\\\\\xc3\\xa9",,,,,,,,)"#,
            #"(42,15,aps_create_tx_internal,"wallet\\x0a\\\\\\xc3\\xa9",,,,,t,t,-4,-5)"#,
        ],
        "addrman_add": [
            #"(42,20,t,-2,-3,"addr\\x0a\\\\\\xc3\\xa9",5,"source\\x0a\\\\\\xc3\\xa9",7)"#
        ],
        "addrman_good": [
            #"(42,21,-1,-2,"addr\\x0a\\\\\\xc3\\xa9",4,"source\\x0a\\\\\\xc3\\xa9",6)"#
        ],
        "mempool_added": [
            #"(42,16,"\\x0101010101010101010101010101010101010101010101010101010101010101",-2,-3)"#
        ],
        "mempool_removed": [
            #"(42,17,"\\x0101010101010101010101010101010101010101010101010101010101010101","reason\\x0a\\\\\\xc3\\xa9",-3,-4,"1970-01-01 00:00:05+00")"#
        ],
        "mempool_replaced": [
            #"(42,18,"\\x0101010101010101010101010101010101010101010101010101010101010101",-2,-3,"1970-01-01 00:00:04+00","\\x0505050505050505050505050505050505050505050505050505050505050505",-6,-7,t)"#
        ],
        "block_connected": [
            #"(42,7,"\\x0101010101010101010101010101010101010101010101010101010101010101",-2,3,-4,-5,-6,9)"#
        ],
        "utxocache_change": [
            #"(42,9,add,"\\x0101010101010101010101010101010101010101010101010101010101010101",2,3,-4,t)"#,
            #"(42,10,spent,"\\x0101010101010101010101010101010101010101010101010101010101010101",2,3,-4,t)"#,
            #"(42,11,uncache,"\\x0101010101010101010101010101010101010101010101010101010101010101",2,3,-4,t)"#,
        ],
    ]

    @Test func everyArgumentComesToItsColumn() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo, payloads: .study)
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet([("alpha", 77)])
        // Without the two message tracepoints, which have tests with real messages.
        let tracepoints = [.outboundMessage] + Tracepoint.allCases.dropFirst(2)
        try agent.send(batch: Sample.batch(Array(tracepoints), at: ps_realtime_ns()))
        try agent.awaitCommitted([77: UInt64(tracepoints.count)])
        let connection = try Connection(conninfo)
        try connection.execute("SET timezone = 'UTC'")
        for (table, expected) in Self.golden {
            guard let known = EventTable.allCases.first(where: { $0.name == table }) else { continue }
            let columns = (["run_id", "seq"] + known.ownColumns).joined(separator: ", ")
            let found = try connection.execute(
                "SELECT ROW(\(columns))::text FROM peerscope.\(table) ORDER BY seq")
            #expect(found.rows.map { $0[0] } == expected, "rows of \(table)")
        }
        let message = try connection.execute(
            "SELECT ROW(seq, peer_id, inbound, msg_type, size, captured, decode_status, payload)::text FROM peerscope.p2p_message"
        )
        #expect(message.scalar == "(1,-1,f,ping,5,8,malformed,\"\\\\x0504030201000000\")")
        #expect(
            try connection.execute("SELECT count(DISTINCT ts) FROM peerscope.mempool_added").scalar == "1")
    }

    @Test func anAbsentLastArgumentIsNull() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo)
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet([("alpha", 77)])
        try agent.send(batch: Sample.batch([.mempoolReplaced], at: ps_realtime_ns(), absent: true))
        try agent.awaitCommitted([77: 1])
        let found = try Connection(conninfo).execute(
            "SELECT new_is_txid IS NULL AND new_fee = -7 FROM peerscope.mempool_replaced")
        #expect(found.scalar == "t")
    }
}
