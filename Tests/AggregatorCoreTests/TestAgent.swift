import ByteCodec
import CollectorProtocol
import NIOSSL

/// The agent's side of a connection, as simple as the protocol allows.
final class TestAgent {
    private let link: any TestLink
    private var received: [UInt8] = []

    struct Failure: Error {
        let what: String
    }

    /// An agent in plaintext.
    init(port: Int) throws { link = try SocketLink(port: port) }

    /// An agent in TLS.
    init(port: Int, _ context: NIOSSLContext) throws { link = try TLSLink(port: port, context) }

    func send(_ bytes: [UInt8]) throws { try link.send(bytes) }

    func send(_ message: some FrameMessage) throws { try send(message.frame) }

    func send(batch: [UInt8]) throws {
        var frame = ByteWriter()
        frame.beginFrame(.batch, bodyByteCount: batch.count)
        try send(frame.bytes + batch)
    }

    /// The next frame; an error when none comes in 20 s or the connection ends.
    func receive() throws -> (type: FrameType, body: [UInt8]) {
        while true {
            let arrived = received
            let step = try FrameDecoder().next(in: arrived.span.raw)
            if case .frame(let type, let body, let total) = step {
                let bytes = Array(received[body])
                received.removeFirst(total)
                return (type, bytes)
            }
            received += try link.receive()
        }
    }

    /// A greeting for these streams.
    static func hello(_ nodes: [(name: String, stream: UInt64)], agent: String = "test-agent") -> Hello {
        Hello(
            agentID: agent, agentVersion: "0", kernel: "6.1", bootID: CaptureBatches.boot,
            source: .capture,
            nodes: nodes.map {
                .init(name: $0.name, streamID: $0.stream, nextSequence: 1, oldestSequence: 0)
            })
    }

    /// Greets with these streams and gives the answer.
    func greet(_ nodes: [(name: String, stream: UInt64)], agent: String = "test-agent") throws -> Welcome {
        try send(Self.hello(nodes, agent: agent))
        let answer = try receive()
        if answer.type == .goodbye {
            throw Failure(what: "GOODBYE: \(try Goodbye(body: answer.body.span.raw).reason)")
        }
        guard answer.type == .welcome else { throw Failure(what: "\(answer.type) instead of WELCOME") }
        return try Welcome(body: answer.body.span.raw)
    }

    /// Waits until every stream is committed up to its number.
    func awaitCommitted(_ wanted: [UInt64: UInt64]) throws {
        var open = wanted
        while !open.isEmpty {
            let frame = try receive()
            guard frame.type == .ack else {
                if frame.type == .pong { continue }
                throw Failure(what: "\(frame.type) instead of ACK")
            }
            for position in try Ack(body: frame.body.span.raw).streams {
                if let last = open[position.streamID], position.durableSequence >= last {
                    open[position.streamID] = nil
                }
            }
        }
    }
}
