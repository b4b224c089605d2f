import ByteCodec
import CollectorProtocol
import Tracepoints

/// The JSON that `decode_wire.py` prints, made from what the Swift decoders find: keys sorted, no spaces.
enum WireJSON {
    indirect enum Value {
        case number(String)
        case text(String)
        case truth(Bool)
        case null
        case list([Value])
        case object([String: Value])

        init(_ value: some BinaryInteger) { self = .number("\(value)") }
    }

    static func render(_ value: Value) -> String {
        switch value {
        case .number(let digits): digits
        case .text(let text): quote(text)
        case .truth(let truth): truth ? "true" : "false"
        case .null: "null"
        case .list(let values): "[" + values.map(render).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { quote($0.key) + ":" + render($0.value) }
                .joined(separator: ",") + "}"
        }
    }

    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    static func hex(_ bytes: [UInt8]) -> Value {
        let digits = Array("0123456789abcdef".utf8)
        return .text(
            String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self))
    }

    /// One line a frame of `stream`.
    static func lines(of stream: [UInt8]) throws -> [String] {
        var lines: [String] = []
        var rest = stream
        while !rest.isEmpty {
            guard case .frame(let type, let body, let total) = try FrameDecoder().next(in: rest.span.raw)
            else {
                throw ProtocolError("frame: expected the whole of it")
            }
            lines.append(render(try frame(type, [UInt8](rest[body]))))
            rest.removeFirst(total)
        }
        return lines
    }

    private static func frame(_ type: FrameType, _ body: [UInt8]) throws -> Value {
        let bytes = body.span.raw
        var members: [String: Value]
        switch type {
        case .hello: members = hello(try Hello(body: bytes))
        case .welcome: members = welcome(try Welcome(body: bytes))
        case .batch: members = try batch(body)
        case .ack: members = ["streams": positions(try Ack(body: bytes).streams)]
        case .nack:
            let nack = try Nack(body: bytes)
            members = [
                "stream_id": Value(nack.streamID), "first_seq": Value(nack.firstSequence),
                "last_seq": Value(nack.lastSequence), "code": Value(nack.code.rawValue),
                "reason": .text(nack.reason),
            ]
        case .ping:
            let ping = try Ping(body: bytes)
            members = ["id": Value(ping.id), "t1": Value(ping.sent)]
        case .pong:
            let pong = try Pong(body: bytes)
            members = [
                "id": Value(pong.id), "t1": Value(pong.pingSent), "t2": Value(pong.received),
                "t3": Value(pong.sent),
                "real_minus_mono_ns": Value(pong.realMinusMono), "maxerror_ns": Value(pong.maxError),
                "synchronised": .truth(pong.isSynchronised),
            ]
        case .policy: members = [:]
        case .goodbye:
            let goodbye = try Goodbye(body: bytes)
            members = ["code": Value(goodbye.code.rawValue), "reason": .text(goodbye.reason)]
        }
        members["frame"] = .text("\(type)".uppercased())
        return .object(members)
    }

    private static func positions(_ streams: [StreamPosition]) -> Value {
        .list(
            streams.map {
                .object(["stream_id": Value($0.streamID), "durable_seq": Value($0.durableSequence)])
            })
    }

    private static func hello(_ hello: Hello) -> [String: Value] {
        [
            "min_version": Value(hello.minimumVersion), "max_version": Value(hello.maximumVersion),
            "agent_id": .text(hello.agentID), "agent_version": .text(hello.agentVersion),
            "kernel": .text(hello.kernel), "boot_id": .text("\(hello.bootID)"),
            "source": Value(hello.source.rawValue),
            "nodes": .list(
                hello.nodes.map {
                    .object([
                        "name": .text($0.name), "stream_id": Value($0.streamID),
                        "next_seq": Value($0.nextSequence), "oldest_seq": Value($0.oldestSequence),
                    ])
                }),
            "probes": .list(
                hello.probes.map {
                    .object([
                        "node": .text($0.node), "tracepoint": Value($0.tracepoint),
                        "status": Value($0.status.rawValue), "arguments": Value($0.arguments),
                        "sites": Value($0.sites),
                    ])
                }),
            "policy": .list(
                hello.policy.map {
                    .object(["tracepoint": Value($0.tracepoint), "mode": Value($0.mode.rawValue)])
                }),
        ]
    }

    private static func welcome(_ welcome: Welcome) -> [String: Value] {
        [
            "version": Value(welcome.version), "max_frame": Value(welcome.maximumFrameLength),
            "window_bytes": Value(welcome.windowBytes), "window_batches": Value(welcome.windowBatches),
            "heartbeat_ms": Value(welcome.heartbeatMilliseconds),
            "aggregator_id": .text(welcome.aggregatorID),
            "reference": .text("\(welcome.reference)"), "reference_offset_ns": Value(welcome.referenceOffset),
            "streams": positions(welcome.streams),
        ]
    }
}
