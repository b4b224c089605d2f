import ByteCodec
import CollectorProtocol
import Glibc

/// The agent's side of a connection over a blocking socket, as simple as the protocol allows.
final class TestAgent {
    private let descriptor: Int32
    private var received: [UInt8] = []

    struct Failure: Error {
        let what: String
    }

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, size)
            }
        }
        guard status == 0 else { throw Failure(what: "connect: \(errno)") }
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { _ = Glibc.close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { run in
                unsafe Glibc.send(
                    descriptor, run.baseAddress.map { unsafe $0 + sent }, run.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(what: "send: \(errno)") }
            sent += count
        }
    }

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
            var piece = [UInt8](repeating: 0, count: 65536)
            let count = unsafe piece.withUnsafeMutableBytes {
                unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
            }
            guard count > 0 else { throw Failure(what: count == 0 ? "closed" : "recv: \(errno)") }
            received += piece[..<count]
        }
    }

    /// Greets with these streams and gives the answer.
    func greet(_ nodes: [(name: String, stream: UInt64)]) throws -> Welcome {
        try send(
            Hello(
                agentID: "test-agent", agentVersion: "0", kernel: "6.1", bootID: CaptureBatches.boot,
                source: .capture,
                nodes: nodes.map {
                    .init(name: $0.name, streamID: $0.stream, nextSequence: 1, oldestSequence: 0)
                }))
        let answer = try receive()
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
