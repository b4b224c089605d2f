import ArgumentParser
import ByteCodec
import CollectorProtocol
import Crypto
import Foundation
import NIOCore
import NIOEmbedded
import NIOSSL
import SwiftASN1
import X509

/// `peerscope-load seal`: what sending events cannot cost less than.
struct SealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal", abstract: "Measure a copy and the TLS of the bytes that an agent sends.",
        discussion: """
            Makes a batch of messages of 37 bytes, copies it, and sends it through a TLS 1.3 connection in memory of the \
            library that the agent uses. Prints JSON: nanoseconds of CPU for each event, medians of the rounds.
            """)

    @Option(help: "Rounds.") var rounds = 7
    @Option(help: "Milliseconds of each round.") var milliseconds = 200
    @Option(help: "Events of a batch: what 100 000 a second make in 100 ms.") var events = 10_000

    func run() throws {
        let bytes = batch()
        var copy = [UInt8](repeating: 0, count: bytes.count)
        let connection = try MemoryTLS()
        var copying: [Double] = []
        var sealing: [Double] = []
        for _ in 0..<rounds {
            copying.append(
                timed(milliseconds: milliseconds) {
                    unsafe copy.withUnsafeMutableBytes { copy in
                        unsafe bytes.withUnsafeBytes { unsafe copy.copyMemory(from: $0) }
                    }
                    keep(copy[0])
                })
            sealing.append(try timedThrowing(milliseconds: milliseconds) { try connection.send(bytes) })
        }
        let count = Double(events)
        print(
            """
            {"events":\(events),"bytes":\(bytes.count),"wire_bytes":\(try connection.send(bytes)),\
            "memcpy_ns":\(middle(copying) / count),"tls_ns":\(middle(sealing) / count)}
            """)
    }

    private func batch() -> [UInt8] {
        let now = hostClock()
        var builder = BatchBuilder(node: "load", streamID: 1, bootID: .zero)
        builder.setClock(
            clk: 1, baseMonotonic: now.monotonic, baseRealtime: Int64(now.monotonic) + now.offset)
        for number in 0..<events {
            builder.plainMessage(number, run: 1, now: now.monotonic + 10_000 * UInt64(number))
        }
        var out = ByteWriter(capacity: 1 << 20)
        builder.seal(firstSequence: 1, ringEpoch: 1, ringEnd: 1, into: &out)
        return out.bytes
    }

    private func timedThrowing(milliseconds: Int, _ work: () throws -> Int) throws -> Double {
        var failure: (any Error)?
        let took = timed(milliseconds: milliseconds) {
            do { keep(try work()) } catch { failure = error }
        }
        if let failure { throw failure }
        return took
    }
}

/// The client's end of a TLS 1.3 connection whose other end is in memory.
final class MemoryTLS {
    private let client: EmbeddedChannel

    /// Shakes hands with a certificate made for it.
    init() throws {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("benchmark") }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: Date() - 60,
            notValidAfter: Date() + 3600, issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: Certificate.Extensions(),
            issuerPrivateKey: .init(key))
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        var ofServer = TLSConfiguration.makeServerConfiguration(
            certificateChain: [
                .certificate(try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der))
            ],
            privateKey: .privateKey(
                try NIOSSLPrivateKey(bytes: Array(key.pemRepresentation.utf8), format: .pem)))
        ofServer.minimumTLSVersion = .tlsv13
        var ofClient = TLSConfiguration.makeClientConfiguration()
        ofClient.minimumTLSVersion = .tlsv13
        ofClient.certificateVerification = .none
        client = EmbeddedChannel(
            handler: try NIOSSLClientHandler(
                context: NIOSSLContext(configuration: ofClient), serverHostname: nil))
        let server = EmbeddedChannel(
            handler: NIOSSLServerHandler(context: try NIOSSLContext(configuration: ofServer)))
        try server.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try client.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        var isMoving = true
        while isMoving {
            isMoving = false
            while let part = try client.readOutbound(as: ByteBuffer.self) {
                try server.writeInbound(part)
                isMoving = true
            }
            while let part = try server.readOutbound(as: ByteBuffer.self) {
                try client.writeInbound(part)
                isMoving = true
            }
        }
    }

    /// Encrypts `bytes`; how many are to be sent.
    func send(_ bytes: [UInt8]) throws -> Int {
        var sealed = 0
        try client.writeOutbound(ByteBuffer(bytes: bytes))
        while let part = try client.readOutbound(as: ByteBuffer.self) { sealed += part.readableBytes }
        guard sealed > bytes.count else {
            throw ValidationError("nothing was encrypted: TLS is not established")
        }
        return sealed
    }
}
