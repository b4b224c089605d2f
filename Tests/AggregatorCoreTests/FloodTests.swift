import ByteCodec
import CPlatform
import CollectorProtocol
import Foundation
import Glibc
import NIOSSL
import Testing

@testable import AggregatorCore

/// Strangers who take what they can get, and an agent that does not notice.
@Suite(.database, .serialized)
struct FloodTests {
    private static func setUp(
        _ change: (inout Aggregator.Settings) -> Void = { _ in }
    ) throws -> (aggregator: Aggregator, log: CapturedLog, identity: NIOSSLContext, conninfo: String) {
        let log = CapturedLog()
        let directory = WithDatabase.folder + "/flood-\(UInt32.random(in: 0 ... .max))"
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo, logger: log.logger) { settings in
            settings.dataDirectory = directory
            settings.plaintext = .never
            change(&settings)
        }
        let enrolment = try Enrolment.make(
            dataDirectory: directory, agent: "host-a", nodes: [EnrolledNode("alpha")], address: nil, days: 1)
        return (aggregator, log, try TestIdentity(enrolment).context(), conninfo)
    }

    private static let start = ps_realtime_ns()

    /// A small batch of one record.
    private static func batch(_ sequence: UInt64) -> [UInt8] {
        var builder = BatchBuilder(node: "alpha", streamID: 77, bootID: CaptureBatches.boot)
        builder.setClock(clk: 1, baseMonotonic: 1_000_000_000, baseRealtime: start)
        ControlRecord.agentStatus(
            .init(spoolBytes: 1, residentBytes: 1, ringUsedBytes: 1, uptimeMilliseconds: sequence)
        )
        .encode(into: &builder, run: nil, monotonic: 1_000_000_000 + sequence)
        var out = ByteWriter()
        _ = builder.seal(firstSequence: sequence, ringEpoch: 9, ringEnd: 0, into: &out)
        return out.bytes
    }

    /// The time from sending a batch to its acknowledgement, for `count` batches one after another; milliseconds.
    private static func roundTrips(_ agent: TestAgent, from first: UInt64, count: Int) throws -> [Double] {
        try (0..<UInt64(count)).map { index in
            let begun = ps_monotonic_ns()
            try agent.send(batch: batch(first + index))
            try agent.awaitCommitted([77: first + index])
            return Double(ps_monotonic_ns() - begun) / 1e6
        }
    }

    /// Batches a second, of `count` that are sent without waiting.
    private static func throughput(_ agent: TestAgent, from first: UInt64, count: Int) throws -> Double {
        let begun = ps_monotonic_ns()
        // The window holds 256 batches.
        for start in stride(from: 0, to: count, by: 200) {
            let last = first + UInt64(min(start + 200, count)) - 1
            for sequence in first + UInt64(start)...last { try agent.send(batch: batch(sequence)) }
            try agent.awaitCommitted([77: last])
        }
        return Double(count) / (Double(ps_monotonic_ns() - begun) / 1e9)
    }

    /// Who does what an attacker can do without a certificate, from many addresses, until it is stopped.
    private final class Strangers: @unchecked Sendable {
        private let port: Int
        private let lock = NSLock()
        private var stopped = false
        private var threads = 0
        private(set) var idle: [SocketLink] = []
        private(set) var connections = 0
        private(set) var written = 0

        init(port: Int) { self.port = port }

        private var isStopped: Bool { lock.withLock { stopped } }

        /// `count` connections that send nothing, made again as they are closed.
        func idle(_ count: Int) {
            run { [self] in
                var held: [SocketLink] = []
                while !isStopped {
                    held.removeAll(where: \.isClosed)
                    // Forty sources, so that no limit of one source is what saves the aggregator.
                    for number in held.count..<max(held.count, count) {
                        let source = 0x7f00_0100 + UInt32(number % 40)
                        if let link = try? SocketLink(port: port, from: source) { held.append(link) }
                        lock.withLock { connections += 1 }
                    }
                    lock.withLock { idle = held }
                    usleep(200_000)
                }
                lock.withLock { idle = [] }
            }
        }

        /// Connections that send the beginning of a TLS handshake or of a greeting one byte at a time.
        func dripping(_ count: Int, _ bytes: [UInt8]) {
            run { [self] in
                var held: [(link: SocketLink, sent: Int)] = []
                while !isStopped {
                    held.removeAll { $0.link.isClosed || $0.sent >= bytes.count }
                    for number in held.count..<max(held.count, count) {
                        let source = 0x7f00_0200 + UInt32(number % 10)
                        if let link = try? SocketLink(port: port, from: source) { held.append((link, 0)) }
                        lock.withLock { connections += 1 }
                    }
                    for index in held.indices {
                        try? held[index].link.send([bytes[held[index].sent]])
                        held[index].sent += 1
                    }
                    lock.withLock { written += held.count }
                    usleep(100_000)
                }
            }
        }

        /// Connections that are made and left as fast as they are admitted.
        func knocking() {
            run { [self] in
                var number: UInt32 = 0
                while !isStopped {
                    number += 1
                    _ = try? SocketLink(port: port, from: 0x7f00_0300 + number % 20)
                    lock.withLock { connections += 1 }
                    usleep(200)
                }
            }
        }

        private func run(_ body: @escaping @Sendable () -> Void) {
            lock.withLock { threads += 1 }
            Thread { [self] in
                body()
                lock.withLock { threads -= 1 }
            }.start()
        }

        func stop() {
            lock.withLock { stopped = true }
            while lock.withLock({ threads > 0 }) { usleep(10_000) }
        }
    }

    /// The first record of a TLS 1.3 handshake, as far as it matters: it claims to be longer than what will come.
    private static let helloOfTLS: [UInt8] =
        [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3] + [UInt8](repeating: 7, count: 400)

    @Test func fiveHundredIdleConnectionsAndSlowWritersLeaveAnAgentAlone() throws {
        let (aggregator, log, identity, _) = try Self.setUp()
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port, identity)
        _ = try agent.greet([("alpha", 77)], agent: "host-a")
        _ = try Self.roundTrips(agent, from: 1, count: 5)
        let quiet = try Self.roundTrips(agent, from: 6, count: 20).sorted()
        let quietRate = try Self.throughput(agent, from: 26, count: 2000)

        let strangers = Strangers(port: aggregator.port)
        strangers.idle(500)
        strangers.dripping(50, Self.helloOfTLS)
        strangers.dripping(50, TestAgent.hello([("alpha", 77)]).frame)
        Thread.sleep(forTimeInterval: 3)
        let busy = try Self.roundTrips(agent, from: 2026, count: 60).sorted()
        let busyRate = try Self.throughput(agent, from: 2086, count: 2000)
        // An agent that comes now gets in as well.
        let newcomer = Date()
        let second = try TestAgent(port: aggregator.port, identity)
        _ = try second.greet([("alpha", 77)], agent: "host-a")
        let greeting = Date().timeIntervalSince(newcomer)
        let (connections, written) = (strangers.connections, strangers.written)
        let held = strangers.idle.count
        strangers.stop()
        let after = try Self.roundTrips(agent, from: 4086, count: 20).sorted()
        let afterRate = try Self.throughput(agent, from: 4106, count: 2000)

        print(
            "round trip of a batch, median: \(quiet[10]) and \(after[10]) ms alone, \(busy[30]) ms (worst \(busy[59])) beside "
                + "\(connections) connections of strangers (\(held) held) and \(written) bytes in drops; "
                + "greeting \(greeting) s; batches a second: \(Int(quietRate)) and \(Int(afterRate)) alone, \(Int(busyRate)) beside them"
        )
        #expect(connections >= 600 && written > 100)
        #expect(held >= 150)
        // A batch waits for others for 100 ms and is then committed: that is what a round trip consists of.
        // Other tests run meanwhile; an agent that suffered would wait for seconds.
        #expect(busy[30] < 2 * max(quiet[10], after[10]) + 100)
        #expect(busyRate > min(quietRate, afterRate) / 3)
        #expect(greeting < 3)
        #expect(log.awaits("refused a connection"))
    }

    @Test func aStormOfConnectionsLeavesAnAgentAlone() throws {
        let (aggregator, log, identity, _) = try Self.setUp()
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port, identity)
        _ = try agent.greet([("alpha", 77)], agent: "host-a")
        _ = try Self.roundTrips(agent, from: 1, count: 5)
        let quiet = try Self.roundTrips(agent, from: 6, count: 20).sorted()
        let strangers = Strangers(port: aggregator.port)
        strangers.knocking()
        let busy = try Self.roundTrips(agent, from: 26, count: 40).sorted()
        let connections = strangers.connections
        strangers.stop()
        let after = try Self.roundTrips(agent, from: 66, count: 20).sorted()
        print(
            "round trip of a batch, median: \(quiet[10]) and \(after[10]) ms alone, \(busy[20]) ms (worst \(busy[39])) in a storm of \(connections) connections"
        )
        #expect(connections > 500)
        #expect(busy[20] < 2 * max(quiet[10], after[10]) + 150)
        // The log tells of it and stays short.
        #expect(log.awaits("refused more connections", "count="))
        #expect(log.lines.count < 600)
    }

    @Test func whoDoesNotGreetInTenSecondsIsCutOff() throws {
        let (aggregator, log, _, _) = try Self.setUp()
        defer { aggregator.stop() }
        let begun = Date()
        let silent = try SocketLink(port: aggregator.port, from: 0x7f00_0002)
        let halfway = try SocketLink(port: aggregator.port, from: 0x7f00_0003)
        try halfway.send(Array(Self.helloOfTLS[..<100]))
        for link in [silent, halfway] { #expect(throws: LinkFailure.self) { try link.receive() } }
        let seconds = Date().timeIntervalSince(begun)
        #expect(seconds > 9 && seconds < 13)
        #expect(log.awaits("refused a connection", "nothing was sent within 10 s", "from=127.0.0.2:"))
        #expect(log.awaits("refused a connection", "expected HELLO within 10 s", "from=127.0.0.3:"))
    }

    @Test func anAgentThatOnlyAsksIsCutOff() throws {
        let (aggregator, log, identity, _) = try Self.setUp()
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port, identity)
        _ = try agent.greet([("alpha", 77)], agent: "host-a")
        let end = #expect(throws: (any Error).self) {
            for id in 1...20_000 as ClosedRange<UInt64> { try agent.send(Ping(id: id, sent: 1)) }
            while try agent.receive().type == .pong {}
            throw TestAgent.Failure(what: "goodbye")
        }
        #expect(end != nil)
        #expect(log.awaits("ending a connection", "ping: expected at most 50 a second"))
    }

    @Test func anAgentsFifthConnectionEndsItsFirst() throws {
        let (aggregator, log, identity, _) = try Self.setUp()
        defer { aggregator.stop() }
        var agents: [TestAgent] = []
        for _ in 0..<5 {
            let agent = try TestAgent(port: aggregator.port, identity)
            _ = try agent.greet([("alpha", 77)], agent: "host-a")
            agents.append(agent)
        }
        #expect(try agents[0].receive().type == .goodbye)
        #expect(log.awaits("ending a connection", "the agent has connected again"))
        try agents[1].send(Ping(id: 1, sent: 1))
        #expect(try agents[1].receive().type == .pong)
    }
}
