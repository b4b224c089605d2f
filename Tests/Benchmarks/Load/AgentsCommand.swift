import AggregatorCore
import ArgumentParser
import ByteCodec
import CollectorProtocol
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// `peerscope-load agents`: a fleet of agents on one aggregator.
struct AgentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agents", abstract: "Be many agents at once.",
        discussion: """
            Each agent has a node, a certificate of the aggregator's authority, an address of 127.1.0.0/16 of its own and \
            a TLS connection, on which it speaks the wire protocol as the real one does: a batch every 100 ms while it has \
            events, as far as the window goes. Prints JSON when everything is acknowledged.
            """)

    @Option(help: "The aggregator's data directory, whose authority makes the certificates.") var dataDir:
        String
    @Option(help: "Where the aggregator listens, host:port.") var aggregator: String
    @Option(help: "Agents with an event a second.") var idle = 800
    @Option(help: "Busy agents.") var busy = 200
    @Option(help: "Events a second of each busy agent.") var busyRate = 100
    @Option(help: "Seconds from when all are connected.") var seconds = 20

    func run() throws {
        guard let colon = aggregator.lastIndex(of: ":"),
            let port = Int(aggregator[aggregator.index(after: colon)...])
        else { throw ValidationError("--aggregator is host:port") }
        let count = idle + busy
        let contexts = try (0..<count).map(context)
        let tally = FleetTally()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let host = String(aggregator[..<colon])
        let began = hostClock().monotonic
        var channels: [any Channel] = []
        for number in 0..<count {
            let rate = number < busy ? busyRate : 1
            let channel = try ClientBootstrap(group: group)
                .bind(to: SocketAddress(ipAddress: "127.1.\(number / 250).\(number % 250 + 1)", port: 0))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { [contexts] channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: contexts[number], serverHostname: nil))
                        try pipeline.addHandler(LoadAgent(number: number, rate: rate, tally: tally))
                    }
                }
                .connect(host: host, port: port).wait()
            channels.append(channel)
        }
        try tally.wait(seconds: 60, "every agent is welcomed") { $0.welcomed == count }
        let connected = hostClock().monotonic
        tally.begin()
        Thread.sleep(forTimeInterval: Double(seconds))
        tally.end()
        try tally.wait(seconds: 60, "everything is acknowledged") { $0.acknowledged == $0.sent }
        let counts = tally.counts
        for channel in channels { try? channel.close().wait() }
        try group.syncShutdownGracefully()
        print(
            """
            {"agents":\(count),"idle":\(idle),"busy":\(busy),"busy_rate":\(busyRate),"seconds":\(seconds),\
            "connecting_seconds":\(Double(connected - began) / 1e9),"events":\(counts.events),"batches":\(counts.sent)}
            """)
    }

    /// A TLS context with an agent's own certificate.
    private func context(_ number: Int) throws -> NIOSSLContext {
        let enrolment = try Enrolment.make(
            dataDirectory: dataDir, agent: LoadAgent.name(number),
            nodes: [EnrolledNode(LoadAgent.name(number))],
            address: aggregator, days: 1)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(enrolment.authority.utf8)))
        configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(enrolment.certificate.utf8))
            .map { .certificate($0) }
        configuration.privateKey = .privateKey(
            try NIOSSLPrivateKey(bytes: Array(enrolment.key.utf8), format: .pem))
        return try NIOSSLContext(configuration: configuration)
    }
}

/// What all agents together have done.
final class FleetTally: Sendable {
    struct Counts {
        var welcomed = 0
        var events = 0
        /// Batches.
        var sent = 0
        var acknowledged = 0
        var failure: String?
        var isRunning = false
    }

    private let state: Mutex<Counts>

    @inline(never)
    init() { state = Mutex(Counts()) }

    var counts: Counts { state.withLock { $0 } }
    var isRunning: Bool { state.withLock { $0.isRunning } }
    func begin() { state.withLock { $0.isRunning = true } }
    func end() { state.withLock { $0.isRunning = false } }
    func note(_ change: (inout Counts) -> Void) { state.withLock { change(&$0) } }

    /// Waits until `isReached`; throws when an agent failed or the time is over.
    func wait(seconds: Int, _ what: String, _ isReached: (Counts) -> Bool) throws {
        for _ in 0..<(seconds * 20) {
            let now = counts
            if let failure = now.failure { throw ValidationError(failure) }
            if isReached(now) { return }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw ValidationError("waited \(seconds) s until \(what): \(counts)")
    }
}

/// One agent: its connection, and a stream with as many events as it is told.
final class LoadAgent: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    static func name(_ number: Int) -> String { "fleet\(number)" }

    private let number: Int
    private let rate: Int
    private let tally: FleetTally
    private let streamID: UInt64
    private var connection: AgentConnection
    private var builder: BatchBuilder
    private let decoder = FrameDecoder()
    private var received = ByteBuffer()
    private var next: UInt64 = 1
    /// Batches that are not committed, in order.
    private var outbox: [(header: BatchHeader, bytes: [UInt8])] = []
    private var hits = [UInt64](repeating: 0, count: 32)
    private var clk: UInt32 = 0
    /// When the last event took place.
    private var through: UInt64 = 0

    init(number: Int, rate: Int, tally: FleetTally) {
        self.number = number
        self.rate = rate
        self.tally = tally
        streamID = UInt64(5_000_000 + number)
        let boot = BootID(text: "01234567-89ab-cdef-0123-456789abcdef") ?? .zero
        connection = AgentConnection(
            hello: Hello(
                agentID: Self.name(number), agentVersion: "load", kernel: "load", bootID: boot, source: .ebpf,
                nodes: [
                    Hello.Node(
                        name: Self.name(number), streamID: streamID, nextSequence: 1, oldestSequence: 0)
                ]))
        builder = BatchBuilder(node: Self.name(number), streamID: streamID, bootID: boot)
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .send(let hello) = connection.connected(now: hostClock().monotonic) { send(hello, context) }
        // Agents of a fleet do not beat together.
        let first = TimeAmount.milliseconds(Int64(number * 37 % 1000))
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleRepeatedTask(
            initialDelay: first, delay: .milliseconds(rate > 1 ? 100 : 1000)
        ) { task in
            let (agent, context) = bound.value
            guard context.channel.isActive else { return task.cancel() }
            agent.tick(context)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = hostClock().monotonic
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        do {
            while case .frame(let type, let body, let total) = try decoder.next(
                in: received.readableBytesSpan)
            {
                let action = connection.received(
                    type, body: received.readableBytesSpan.extracting(body), now: now)
                received.moveReaderIndex(forwardBy: total)
                perform(action, context)
            }
        } catch {
            fail("\(error)", context)
        }
        received.discardReadBytes()
        pump(context)
    }

    private func perform(_ action: AgentConnection.FrameAction, _ context: ChannelHandlerContext) {
        switch action {
        case .none, .resume: break
        case .welcomed(_, let ping):
            tally.note { $0.welcomed += 1 }
            send(ping, context)
        case .measured(_, let ping): if let ping { send(ping, context) }
        case .acknowledged(let streams):
            for stream in streams where stream.streamID == streamID {
                let done = outbox.prefix { $0.header.lastSequence <= stream.durableSequence }.count
                outbox.removeFirst(done)
                tally.note { $0.acknowledged += done }
            }
        case .quarantined(let nack): fail("a batch was put aside: \(nack.reason)", context)
        case .close(let goodbye): fail("the aggregator said goodbye: \(goodbye.reason)", context)
        case .fail(let error): fail("\(error)", context)
        }
    }

    /// Makes the events of the time since the last batch.
    private func tick(_ context: ChannelHandlerContext) {
        let (now, offset) = hostClock()
        if case .send(let ping) = connection.tick(now: now) { send(ping, context) }
        guard tally.isRunning, !connection.isClosed else { return }
        if through == 0 { open(now, offset) }
        let step = 1_000_000_000 / UInt64(rate)
        var made = 0
        while through + step <= now {
            through += step
            hits[1] += 1
            builder.plainMessage(Int(hits[1]), run: streamID, now: through)
            made += 1
        }
        guard made > 0 else { return }
        builder.countHits(hits, run: streamID, now: now)
        var out = ByteWriter(capacity: 1 << 12)
        let header = builder.seal(firstSequence: next, ringEpoch: streamID, ringEnd: next, into: &out)
        next = header.lastSequence + 1
        outbox.append((header, out.bytes))
        tally.note {
            $0.events += made
            $0.sent += 1
        }
        pump(context)
    }

    private func open(_ now: UInt64, _ offset: Int64) {
        clk += 1
        builder.openClock(clk: clk, now: now, offset: offset)
        builder.openRun(streamID, now: now)
        through = now
    }

    private func pump(_ context: ChannelHandlerContext) {
        for (header, bytes) in outbox {
            guard let position = connection.nextToSend(streamID: streamID) else { return }
            guard header.firstSequence >= position else { continue }
            guard connection.maySendBatch(byteCount: header.byteCount) else { return }
            do { try connection.batchSent(header) } catch { return fail("\(error)", context) }
            var frame = context.channel.allocator.buffer(capacity: bytes.count + FrameDecoder.headerByteCount)
            frame.writeInteger(UInt32(bytes.count + 2))
            frame.writeInteger(FrameType.batch.rawValue)
            frame.writeInteger(UInt8(0))
            frame.writeBytes(bytes)
            context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail("\(error)", context) }

    private func fail(_ reason: String, _ context: ChannelHandlerContext) {
        let name = Self.name(number)
        tally.note { $0.failure = $0.failure ?? "agent \(name): \(reason)" }
        context.close(promise: nil)
    }

    private func send(_ message: some FrameMessage, _ context: ChannelHandlerContext) {
        context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: message.frame)), promise: nil)
    }
}
