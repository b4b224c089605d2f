import ByteCodec
import CollectorProtocol

/// An agent with two streams, two aggregators and one database, and connections between them that break.
///
/// A connection that breaks loses what was on its way to the agent and any end of what was on its way to the
/// aggregator; the rest arrives there as late as it likes, also when the agent has long been connected elsewhere. The
/// aggregators store as the real ones do: what they remember of a stream may be out of date, and a fence in the
/// database finds out.
struct ReconnectionModel {
    struct Broken: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// What may happen to frames, beyond what TCP allows.
    enum Mischief: CaseIterable {
        case lose, duplicate, swap
    }

    private struct Way {
        let aggregator: Int
        var machine = AggregatorConnection()
        var toAggregator: [[UInt8]] = []
        var toAgent: [[UInt8]] = []
    }

    private struct Aggregator {
        var queue: [(header: BatchHeader, way: Int)] = []
        /// Where it believes each stream to stand.
        var known: [UInt64: UInt64] = [:]
    }

    static let names = [Sample.streamID: "alpha", 2 as UInt64: "beta"]
    static let streams = [Sample.streamID, 2]

    var generator: SeededGenerator
    /// All that the agent will ever send, by stream; its batches have five records.
    private let batches: [UInt64: [[UInt8]]]
    let last: UInt64
    /// Committed: what nothing undoes.
    private(set) var durable: [UInt64: UInt64] = [:]
    private var trimmed: [UInt64: UInt64] = [:]
    private var agent: (machine: AgentConnection, way: Int)?
    private var ways: [Int: Way] = [:]
    private var made = 0
    private var aggregators = [Aggregator(), Aggregator()]
    private var now: UInt64 = 1
    private(set) var failures: [ProtocolError] = []

    init(seed: UInt64, batches count: Int) {
        generator = SeededGenerator(state: seed)
        batches = Self.names.reduce(into: [:]) { all, stream in
            all[stream.key] = (0..<count).map {
                Sample.batch(
                    first: UInt64(5 * $0 + 1), count: 5, node: stream.value, streamID: stream.key, payload: 3)
            }
        }
        last = UInt64(5 * count)
    }

    var isDone: Bool { Self.streams.allSatisfy { durable[$0] == last && trimmed[$0] == last } }

    /// One thing happens.
    ///
    /// - Parameter calm: whether nothing breaks any more.
    mutating func step(calm: Bool, mischief: Bool) throws {
        now += 1
        switch Int.random(in: 0..<(calm ? 20 : 24), using: &generator) {
        case 0..<5: if let way = ways.keys.sorted().randomElement(using: &generator) { try deliver(to: way) }
        case 5..<10: try deliverToAgent()
        case 10..<14: try send()
        case 14..<18: try commit()
        case 18, 19: if agent == nil { connect() }
        case 20: breakConnection()
        case 21: if generator.next() % 4 == 0 { crash() }
        case 22: forgetOldWay()
        default: if mischief { disturb() }
        }
    }

    // MARK: - Connections

    private mutating func connect() {
        var machine = AgentConnection(hello: Sample.hello(next: last + 1))
        var way = Way(aggregator: Int.random(in: 0...1, using: &generator))
        way.machine.connected(now: now)
        guard case .send(let hello) = machine.connected(now: now) else { return }
        way.toAggregator.append(hello.frame)
        made += 1
        ways[made] = way
        agent = (machine, made)
    }

    mutating func breakConnection() {
        guard let way = agent?.way else { return }
        agent = nil
        ways[way]?.toAgent = []
        let sent = ways[way]?.toAggregator.count ?? 0
        ways[way]?.toAggregator.removeLast(Int.random(in: 0...sent, using: &generator))
    }

    /// The aggregator notices that nobody is there any more.
    private mutating func forgetOldWay() {
        ways = ways.filter { $0.key == agent?.way || !$0.value.toAggregator.isEmpty }
    }

    private mutating func crash() {
        let index = Int.random(in: 0...1, using: &generator)
        aggregators[index] = Aggregator()
        if let way = agent?.way, ways[way]?.aggregator == index { agent = nil }
        ways = ways.filter { $0.value.aggregator != index }
    }

    private mutating func disturb() {
        guard let way = agent?.way, let kind = Mischief.allCases.randomElement(using: &generator) else {
            return
        }
        let inward = Bool.random(using: &generator)
        var frames = (inward ? ways[way]?.toAggregator : ways[way]?.toAgent) ?? []
        guard let place = frames.indices.randomElement(using: &generator) else { return }
        switch kind {
        case .lose: frames.remove(at: place)
        case .duplicate: frames.insert(frames[place], at: place)
        case .swap: if place > 0 { frames.swapAt(place, place - 1) }
        }
        if inward { ways[way]?.toAggregator = frames } else { ways[way]?.toAgent = frames }
    }

    // MARK: - The agent

    private mutating func send() throws {
        guard let stream = Self.streams.randomElement(using: &generator), let way = agent?.way,
            var machine = agent?.machine, let next = machine.nextToSend(streamID: stream), next <= last
        else { return }
        guard next > trimmed[stream] ?? 0 else {
            throw Broken("\(next) of \(stream) is to be sent, and \(trimmed[stream] ?? 0) is acknowledged")
        }
        guard let all = batches[stream] else { return }
        let batch = all[Int(next - 1) / 5]
        let header = try BatchHeader.read(batch.span.raw)
        guard header.firstSequence == next else { throw Broken("\(next) is the middle of a batch") }
        guard machine.maySendBatch(byteCount: batch.count) else { return }
        try machine.batchSent(header)
        agent = (machine, way)
        var writer = ByteWriter()
        writer.beginFrame(.batch, bodyByteCount: batch.count)
        writer.append(batch)
        ways[way]?.toAggregator.append(writer.bytes)
    }

    private mutating func deliverToAgent() throws {
        guard let way = agent?.way, var machine = agent?.machine, let frame = ways[way]?.toAgent.first,
            let type = FrameType(rawValue: frame[4])
        else { return }
        ways[way]?.toAgent.removeFirst()
        let action = machine.received(type, body: [UInt8](frame[6...]).span.raw, now: now)
        agent = (machine, way)
        switch action {
        case .welcomed(let welcome, let ping):
            for stream in welcome.streams { try trim(stream) }
            ways[way]?.toAggregator.append(ping.frame)
        case .measured(_, let ping?): ways[way]?.toAggregator.append(ping.frame)
        case .acknowledged(let streams): for stream in streams { try trim(stream) }
        case .fail(let error):
            failures.append(error)
            agent = nil
        case .close: agent = nil
        case .measured, .resume, .quarantined, .none: break
        }
    }

    private mutating func trim(_ position: StreamPosition) throws {
        guard position.durableSequence <= durable[position.streamID] ?? 0 else {
            throw Broken("\(position) is acknowledged, \(durable[position.streamID] ?? 0) is committed")
        }
        trimmed[position.streamID] = max(trimmed[position.streamID] ?? 0, position.durableSequence)
    }

    // MARK: - The aggregators

    private mutating func deliver(to number: Int) throws {
        guard var way = ways[number], let frame = way.toAggregator.first,
            let type = FrameType(rawValue: frame[4])
        else { return }
        way.toAggregator.removeFirst()
        switch way.machine.received(type, body: [UInt8](frame[6...]).span.raw, now: now) {
        case .greeted:
            var welcome = Sample.welcome()
            welcome.streams = Self.streams.map {
                StreamPosition(streamID: $0, durableSequence: durable[$0] ?? 0)
            }
            if case .send(let welcome) = way.machine.welcome(welcome, now: now) {
                way.toAgent.append(welcome.frame)
            }
        case .store(let header): aggregators[way.aggregator].queue.append((header, number))
        case .answer(let ping, let received):
            way.toAgent.append(
                Pong(
                    answering: ping, received: received, sent: now, realMinusMono: 0, maxError: 1,
                    isSynchronised: true
                ).frame)
        case .acknowledge(let ack): way.toAgent.append(ack.frame)
        case .refuse(let nack): way.toAgent.append(nack.frame)
        case .fail(let error):
            failures.append(error)
            way.toAgent.append(error.goodbye.frame)
        case .close, .none: break
        }
        ways[number] = way
    }

    /// A transaction of one aggregator, with the first batches of its queue.
    private mutating func commit() throws {
        let index = Int.random(in: 0...1, using: &generator)
        let count = min(aggregators[index].queue.count, Int.random(in: 1...4, using: &generator))
        let taken = Array(aggregators[index].queue.prefix(count))
        aggregators[index].queue.removeFirst(count)
        for stream in Self.streams {
            let mine = taken.filter { $0.header.streamID == stream }
            guard !mine.isEmpty else { continue }
            let before = aggregators[index].known[stream] ?? durable[stream] ?? 0
            var after = before
            var isDetached = false
            for (header, _) in mine where header.lastSequence > after {
                if header.firstSequence == after + 1 {
                    after = header.lastSequence
                } else {
                    isDetached = true
                }
            }
            // Something is missing, or somebody else was faster: what is remembered is read anew.
            if isDetached || (after > before && before != durable[stream] ?? 0) {
                let found = durable[stream] ?? 0
                aggregators[index].known[stream] = found
                for way in Set(mine.map(\.way)) { fence(way, stream, found) }
                continue
            }
            guard after >= durable[stream] ?? 0 || after == before else {
                throw Broken("\(stream) goes back")
            }
            if after > before { durable[stream] = after }
            aggregators[index].known[stream] = after
            for way in Set(mine.map(\.way)) {
                if let ack = ways[way]?.machine.committed(streamID: stream, durable: after) {
                    ways[way]?.toAgent.append(ack.frame)
                }
            }
        }
    }

    private mutating func fence(_ way: Int, _ stream: UInt64, _ found: UInt64) {
        guard case .resume(let ack, let nack)? = ways[way]?.machine.fenced(streamID: stream, durable: found)
        else { return }
        ways[way]?.toAgent.append(ack.frame)
        ways[way]?.toAgent.append(nack.frame)
        // The connection has forgotten them, so the aggregator drops them as well.
        let index = ways[way]?.aggregator ?? 0
        aggregators[index].queue.removeAll { $0.way == way && $0.header.streamID == stream }
    }
}
