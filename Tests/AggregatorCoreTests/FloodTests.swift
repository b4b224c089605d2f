import ByteCodec
import CPlatform
import CollectorProtocol
import Foundation
import Glibc
import NIOSSL
import PostgreSQL
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

    /// Sends `count` batches one after another, each when the one before is committed.
    private static func sendSingly(_ agent: TestAgent, from first: UInt64, count: Int) throws {
        for sequence in first..<first + UInt64(count) {
            try agent.send(batch: batch(sequence))
            try agent.awaitCommitted([77: sequence])
        }
    }

    /// Sends `count` batches as fast as the window, which holds 256, lets it.
    private static func sendQuickly(_ agent: TestAgent, from first: UInt64, count: Int) throws {
        for start in stride(from: 0, to: count, by: 200) {
            let last = first + UInt64(min(start + 200, count)) - 1
            for sequence in first + UInt64(start)...last { try agent.send(batch: batch(sequence)) }
            try agent.awaitCommitted([77: last])
        }
    }

    /// Records stored of the agent, numbers without a record, and the last number.
    private static func stored(_ conninfo: String) throws -> String? {
        try Connection(conninfo).execute(
            "SELECT records || ' ' || gap_seqs || ' ' || durable_seq FROM peerscope.stream"
        ).scalar
    }

    /// Whether `condition` comes true within a minute, however busy the machine is.
    private static func comesTrue(_ condition: () -> Bool) -> Bool {
        let deadline = Date(timeIntervalSinceNow: 60)
        while !condition(), Date() < deadline { usleep(50_000) }
        return condition()
    }

    /// Who does what an attacker can do without a certificate, from many addresses, until it is stopped.
    private final class Strangers: @unchecked Sendable {
        private let port: Int
        private let lock = NSLock()
        private var stopped = false
        private var threads = 0
        /// The most idle connections that were open at a time.
        private(set) var mostHeld = 0
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
                    held.removeAll(where: \.isClosed)
                    lock.withLock { mostHeld = max(mostHeld, held.count) }
                    usleep(200_000)
                }
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

        /// Connections that are made and left as fast as they are admitted, `count` at most.
        func knocking(_ count: UInt32) {
            run { [self] in
                var number: UInt32 = 0
                while !isStopped, number < count {
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

    // The tests below measure no time: a machine that does something else meanwhile makes everything slow. An agent that a
    // flood hindered would wait for its answers for longer than the 20 s that a link waits, or lose its connection.

    @Test func fiveHundredIdleConnectionsAndSlowWritersLeaveAnAgentAlone() throws {
        let (aggregator, log, identity, conninfo) = try Self.setUp()
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port, identity)
        _ = try agent.greet([("alpha", 77)], agent: "host-a")
        try Self.sendSingly(agent, from: 1, count: 5)

        let strangers = Strangers(port: aggregator.port)
        strangers.idle(500)
        strangers.dripping(50, Self.helloOfTLS)
        strangers.dripping(50, TestAgent.hello([("alpha", 77)]).frame)
        // All places for those who have not greeted are taken, and there are more who want them.
        #expect(
            Self.comesTrue {
                strangers.connections >= 600 && strangers.mostHeld >= 150 && strangers.written > 100
            })
        try Self.sendSingly(agent, from: 6, count: 20)
        try Self.sendQuickly(agent, from: 26, count: 1000)
        // An agent that comes now gets in as well, and finds everything that was acknowledged.
        let second = try TestAgent(port: aggregator.port, identity)
        let welcome = try second.greet([("alpha", 77)], agent: "host-a")
        #expect(welcome.streams.map(\.durableSequence) == [1025])
        try Self.sendSingly(second, from: 1026, count: 5)
        strangers.stop()

        #expect(log.awaits("refused a connection", "others came, and this one had not greeted yet"))
        // Nothing has happened to the agent's connections, and everything it sent is stored once.
        #expect(log.lines.filter { $0.contains("ending a connection") || $0.contains("disconnected") } == [])
        try agent.send(Ping(id: 1, sent: 1))
        #expect(try agent.receive().type == .pong)
        #expect(try Self.stored(conninfo) == "1030 0 1030")
    }

    @Test func aStormOfConnectionsLeavesAnAgentAlone() throws {
        let (aggregator, log, identity, conninfo) = try Self.setUp()
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port, identity)
        _ = try agent.greet([("alpha", 77)], agent: "host-a")
        let strangers = Strangers(port: aggregator.port)
        strangers.knocking(20_000)
        var sent = 0
        repeat {
            try Self.sendSingly(agent, from: UInt64(sent) + 1, count: 5)
            sent += 5
        } while (strangers.connections < 4000 || sent < 40) && sent < 10_000
        let second = try TestAgent(port: aggregator.port, identity)
        let welcome = try second.greet([("alpha", 77)], agent: "host-a")
        #expect(welcome.streams.map(\.durableSequence) == [UInt64(sent)])
        strangers.stop()
        #expect(strangers.connections >= 4000)
        // The log tells of it and stays short, whatever the storm's size: 200 lines, then five a second.
        #expect(log.awaits("refused more connections", "count="))
        let written = log.lines.count { $0.contains("refused a connection") }
        #expect(written >= 10 && written < strangers.connections / 3)
        #expect(log.lines.filter { $0.contains("ending a connection") || $0.contains("disconnected") } == [])
        #expect(try Self.stored(conninfo) == "\(sent) 0 \(sent)")
    }

    @Test func whoDoesNotGreetInTenSecondsIsCutOff() throws {
        let (aggregator, log, _, _) = try Self.setUp()
        defer { aggregator.stop() }
        let begun = Date()
        let silent = try SocketLink(port: aggregator.port, from: 0x7f00_0002)
        let halfway = try SocketLink(port: aggregator.port, from: 0x7f00_0003)
        try halfway.send(Array(Self.helloOfTLS[..<100]))
        #expect(Self.comesTrue { silent.isClosed && halfway.isClosed })
        // Not a moment earlier than it is said to be.
        #expect(Date().timeIntervalSince(begun) > 9)
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

    @Test func anAgentsFifthConnectionEndsItsFirstAndSoOn() throws {
        let (aggregator, log, identity, _) = try Self.setUp()
        defer { aggregator.stop() }
        var agents: [TestAgent] = []
        // Each time the oldest has to go before there is memory for the newest.
        for _ in 0..<8 {
            let agent = try TestAgent(port: aggregator.port, identity)
            _ = try agent.greet([("alpha", 77)], agent: "host-a")
            agents.append(agent)
        }
        for agent in agents[..<4] { #expect(try agent.receive().type == .goodbye) }
        #expect(log.awaits("ending a connection", "the agent has connected again", times: 4))
        for agent in agents[4...] {
            try agent.send(Ping(id: 1, sent: 1))
            #expect(try agent.receive().type == .pong)
        }
    }
}
