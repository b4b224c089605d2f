import ByteCodec
import CollectorProtocol

/// What the vectors hold, encoded here; the annotated files pin it.
enum WireVectors {
    static func frame(_ batch: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.beginFrame(.batch, bodyByteCount: batch.count)
        writer.append(batch)
        return writer.bytes
    }

    /// The worked example of `schema/wire-protocol.md`: a ping that arrives, and a transaction that enters
    /// the mempool 1.5 ms later.
    static var events: [UInt8] {
        var builder = Sample.builder()
        builder.begin(kind: 1, run: Sample.run, tid: 4242, monotonic: Sample.base + 250)
        builder.signed(7)
        builder.string("10.0.0.7:8333")
        builder.string("inbound")
        builder.string("ping")
        builder.unsigned(8)
        builder.payload([1, 2, 3, 4, 5, 6, 7, 8].span.raw)
        builder.end()
        builder.begin(kind: 17, run: Sample.run, tid: 4242, monotonic: Sample.base + 1_500_250)
        builder.hash([UInt8](0..<32).span.raw)
        builder.signed(141)
        builder.signed(1_410)
        builder.end()
        var out = ByteWriter()
        builder.seal(firstSequence: 101, ringEpoch: 1, ringEnd: 4096, into: &out)
        return out.bytes
    }

    static let all: [(String, [UInt8])] = [
        ("hello", Sample.hello().frame),
        ("welcome", Sample.welcome(durable: 100).frame),
        (
            "exchange",
            Ping(id: 1, sent: 5_000_000_000).frame
                + Pong(
                    answering: Ping(id: 1, sent: 5_000_000_000), received: 7_000_120_000, sent: 7_000_130_000,
                    realMinusMono: 1_699_999_998_000_000_000, maxError: .max, isSynchronised: false
                ).frame
        ),
        ("batch-events", frame(events)),
        ("batch-gap", frame(Sample.gap(first: 11, last: 40))),
        ("ack", Ack(streams: [StreamPosition(streamID: Sample.streamID, durableSequence: 102)]).frame),
        (
            "nack-quarantined",
            Nack(
                streamID: Sample.streamID, firstSequence: 101, lastSequence: 102, code: .quarantined,
                reason: "record 1 of kind 17: a known kind"
            ).frame
        ),
        (
            "nack-resume",
            Nack(
                streamID: Sample.streamID, firstSequence: 121, lastSequence: 102, code: .resume,
                reason: "expected a batch from 103"
            ).frame
        ),
        ("goodbye", Goodbye(code: .shuttingDown, reason: "restart").frame),
        ("every-record", frame(Sample.everything())),
        (
            "refused-checksum",
            frame(
                {
                    var bytes = events
                    bytes[bytes.count - 1] ^= 1
                    return bytes
                }())
        ),
        ("refused-length", [0x00, 0x41, 0x00, 0x03, 0x03, 0x00]),
        ("refused-type", [0x00, 0x00, 0x00, 0x02, 0x0a, 0x00]),
        (
            "refused-string-index",
            frame(
                withValidChecksum(
                    {
                        var bytes = events
                        // The first record: kind, flags, thread, two bytes of
                        // delta, peer_id, and then the index of addr.
                        bytes[Self.firstRecord + 6] = 9
                        return bytes
                    }()))
        ),
    ]

    private static var firstRecord: Int {
        let recordBytes = Int(events[112]) | Int(events[113]) << 8
        return events.count - recordBytes
    }
}
