import Foundation
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// A connection to an aggregator that a test writes to and waits on.
protocol TestLink {
    func send(_ bytes: [UInt8]) throws
    /// What has come next; an error when nothing comes in 20 s or the connection has ended.
    func receive() throws -> [UInt8]
}

struct LinkFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Plaintext over a blocking socket, from any address of the loopback network.
final class SocketLink: TestLink {
    private let descriptor: Int32

    init(port: Int, from source: UInt32 = 0x7f00_0001) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        func address(_ host: UInt32, _ port: Int) -> sockaddr_in {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(host).bigEndian
            return address
        }
        func call(
            _ address: sockaddr_in, _ body: (UnsafePointer<sockaddr>) -> Int32
        ) -> Int32 {
            unsafe withUnsafePointer(to: address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
            }
        }
        guard unsafe call(address(source, 0), { unsafe bind(descriptor, $0, size) }) == 0,
            unsafe call(address(0x7f00_0001, port), { unsafe connect(descriptor, $0, size) }) == 0
        else { throw LinkFailure("connect: \(errno)") }
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
            guard count > 0 else { throw LinkFailure("send: \(errno)") }
            sent += count
        }
    }

    func receive() throws -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = unsafe piece.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard count > 0 else { throw LinkFailure(count == 0 ? "closed" : "recv: \(errno)") }
        return Array(piece[..<count])
    }

    /// Whether the other side has closed; what it has sent before is lost.
    var isClosed: Bool {
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes {
                unsafe recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
            if count > 0 { continue }
            return count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)
        }
    }
}

/// TLS as a client that waits, over NIO.
final class TLSLink: TestLink, @unchecked Sendable {
    private let channel: any Channel
    private let inbox: Inbox

    private final class Inbox: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer
        private let condition = NSCondition()
        private var bytes: [UInt8] = []
        private var end: String?
        private var isSecured = false

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case TLSUserEvent.handshakeCompleted = event else { return }
            condition.withLock { isSecured = true }
            condition.broadcast()
        }

        /// Waits for the end of the handshake.
        func awaitSecured() throws {
            try condition.withLock {
                let deadline = Date(timeIntervalSinceNow: 20)
                while !isSecured, end == nil {
                    guard condition.wait(until: deadline) else { throw LinkFailure("no handshake") }
                }
                if let end { throw LinkFailure(end) }
            }
        }

        /// Why the connection has ended, which may take a moment to arrive.
        var failure: String {
            condition.withLock {
                let deadline = Date(timeIntervalSinceNow: 5)
                while end == nil, condition.wait(until: deadline) {}
                return end ?? "unknown"
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            condition.withLock { bytes += Array(buffer.readableBytesView) }
            condition.broadcast()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            condition.withLock { end = end ?? "\(error)" }
            condition.broadcast()
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            condition.withLock { end = end ?? "closed" }
            condition.broadcast()
        }

        func take() throws -> [UInt8] {
            try condition.withLock {
                let deadline = Date(timeIntervalSinceNow: 20)
                while bytes.isEmpty, end == nil {
                    guard condition.wait(until: deadline) else { throw LinkFailure("nothing came") }
                }
                guard !bytes.isEmpty else { throw LinkFailure(end ?? "closed") }
                defer { bytes = [] }
                return bytes
            }
        }
    }

    init(port: Int, _ context: NIOSSLContext) throws {
        let inbox = Inbox()
        self.inbox = inbox
        channel = try ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLClientHandler(context: context, serverHostname: nil), inbox)
                }
            }
            .connect(host: "127.0.0.1", port: port).wait()
    }

    deinit { channel.close(promise: nil) }

    func send(_ bytes: [UInt8]) throws {
        do { try channel.writeAndFlush(channel.allocator.buffer(bytes: bytes)).wait() } catch {
            throw LinkFailure("\(inbox.failure), sending: \(error)")
        }
    }

    func receive() throws -> [UInt8] { try inbox.take() }

    /// The certificate that the aggregator has shown.
    func serverCertificate() throws -> NIOSSLCertificate? {
        try inbox.awaitSecured()
        return try channel.nioSSL_peerCertificate().wait()
    }
}
