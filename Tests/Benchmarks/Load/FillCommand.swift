import ArgumentParser
import ByteCodec
import CollectorProtocol
import Tracepoints

/// `peerscope-load fill`: where the agent's time for an event goes, without the kernel.
struct FillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill", abstract: "Measure how events become batches.",
        discussion: """
            Makes batches of records such as the ring holds, messages of 37 bytes of many peers, as the agent's streamer \
            does; then reads and verifies them as its uplink does before it sends. Prints JSON: nanoseconds of CPU for \
            each event, medians of the rounds.
            """)

    @Option(help: "Rounds.") var rounds = 7
    @Option(help: "Milliseconds of each round.") var milliseconds = 200
    @Option(help: "Events of a batch.") var events = 5_000
    @Option(help: "Peers that send them in turn.") var peers = 125

    func run() throws {
        let records = RingLikeRecords(events: events, peers: peers)
        var builder = BatchBuilder(node: "load", streamID: 1, bootID: .zero)
        builder.setClock(clk: 1, baseMonotonic: 1_000_000_000, baseRealtime: 0)
        var out = ByteWriter(capacity: 2 << 20)
        var wholes: [Double] = []
        var seals: [Double] = []
        var checks: [Double] = []
        for _ in 0..<rounds {
            var sealing: UInt64 = 0
            var batches: UInt64 = 0
            let whole = timed(milliseconds: milliseconds) {
                guard records.append(to: &builder) else { return }
                let began = threadNanoseconds()
                out.removeAll()
                builder.seal(firstSequence: 1, ringEpoch: 1, ringEnd: 1, into: &out)
                sealing += threadNanoseconds() - began
                batches += 1
            }
            wholes.append(whole)
            seals.append(Double(sealing) / Double(batches))
            checks.append(
                timed(milliseconds: milliseconds) { keep((try? BatchReader(out.span))?.header.count) })
        }
        guard (try? BatchReader(out.span))?.header.count == events else {
            throw ValidationError("the batch does not hold what was put into it")
        }
        let count = Double(events)
        let (whole, seal) = (middle(wholes) / count, middle(seals) / count)
        print(
            """
            {"events":\(events),"bytes":\(out.count),"append_ns":\(whole - seal),"seal_ns":\(seal),\
            "verify_ns":\(middle(checks) / count)}
            """)
    }
}

/// Messages of 37 bytes, laid out as in the ring: a head of numbers, three areas for strings, the payload.
struct RingLikeRecords {
    private static let addressAt = 80
    private static let connectionAt = addressAt + StringCapacity.address
    private static let typeAt = connectionAt + StringCapacity.connectionType
    private static let payloadAt = typeAt + StringCapacity.messageType
    private static let stride = payloadAt + 37 + 3

    private let bytes: [UInt8]
    private let events: Int
    private let layouts = EventLayouts { tracepoint in
        switch tracepoint {
        case .inboundMessage, .outboundMessage:
            [
                .signed(at: 32), .string(at: addressAt, length: 18), .string(at: connectionAt, length: 20),
                .string(at: typeAt, length: 22), .unsigned(at: 40), .payload(at: payloadAt, length: 24),
            ]
        default: tracepoint.arguments.map { _ in .signed(at: 32) }
        }
    }

    init(events: Int, peers: Int) {
        let types = ["inv", "tx", "getdata", "addrv2", "ping", "pong", "headers", "feefilter"]
        let connections = ["inbound", "outbound-full-relay", "block-relay-only"]
        var bytes = [UInt8](repeating: 0, count: events * Self.stride)
        for event in 0..<events {
            let start = event * Self.stride
            func put(_ value: UInt64, _ size: Int, at offset: Int) {
                for byte in 0..<size {
                    bytes[start + offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))
                }
            }
            func put(_ text: String, at offset: Int, length: Int) {
                put(UInt64(text.utf8.count), 2, at: length)
                for (index, byte) in text.utf8.enumerated() { bytes[start + offset + index] = byte }
            }
            // Not in turn, so that nothing is learnt from the order.
            let mixed = UInt64(event) &* 0x9E37_79B9_7F4A_7C15 >> 32
            let peer = Int(mixed) % peers
            put(1_000_000_000 + 10_000 * UInt64(event), 8, at: 0)
            put(7, 4, at: 12)
            bytes[start + 16] = Tracepoint.inboundMessage.rawValue
            put(37, 4, at: 24)
            put(UInt64(peer), 8, at: 32)
            put(37, 8, at: 40)
            put("198.51.100.\(peer):8333", at: Self.addressAt, length: 18)
            put(connections[peer % 3], at: Self.connectionAt, length: 20)
            put(types[Int(mixed >> 7) % types.count], at: Self.typeAt, length: 22)
            put(mixed, 8, at: Self.payloadAt)
        }
        self.bytes = bytes
        self.events = events
    }

    /// Whether all went in.
    func append(to builder: inout BatchBuilder) -> Bool {
        let bytes = bytes.span.raw
        for event in 0..<events {
            let record = bytes.extracting(event * Self.stride..<(event + 1) * Self.stride)
            guard
                case .appended = builder.append(
                    kind: record.byte(at: 16), flags: [], run: 1,
                    tid: record.integer(at: 12, as: UInt32.self),
                    monotonic: record.integer(at: 0, as: UInt64.self), record: record, layouts: layouts,
                    limit: .max)
            else { return false }
        }
        return true
    }
}
