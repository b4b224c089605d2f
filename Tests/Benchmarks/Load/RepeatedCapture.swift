import ByteCodec
import CollectorProtocol
import Tracepoints

/// Bytes that are taken from the node's memory as they are.
struct Captured: Encodable {
    var payloads = 0
    var hashes = 0

    static func += (sum: inout Captured, other: Captured) {
        sum.payloads += other.payloads
        sum.hashes += other.hashes
    }
}

/// A capture that goes on and on: each pass has the same events with other peers, blocks and transactions.
struct RepeatedCapture {
    struct Event {
        let tracepoint: Tracepoint
        let arguments: [CapturedEvents.Argument]
        let marks: [CapturedChain.Mark]
        /// Where transactions are named: the argument, and the place in it.
        let transactions: [(argument: Int, offset: Int)]
        var lacksOptional: Bool { arguments.count < tracepoint.arguments.count }
        /// Bytes of a message's payload, and of the hashes that other events carry.
        var captured: Captured {
            var captured = Captured()
            for (argument, value) in zip(tracepoint.arguments, arguments) {
                guard case .bytes(let bytes) = value else { continue }
                if argument.kind == .hash {
                    captured.hashes += bytes.count
                } else {
                    captured.payloads += bytes.count
                }
            }
            return captured
        }
    }

    /// The events of each node, in the order of time.
    let nodes: [[Event]]
    private let chain: CapturedChain
    private let peers: Int64

    init(path: String) throws {
        let captured = try CapturedEvents(path: path)
        let chain = CapturedChain(captured.events)
        var peers: Int64 = 0
        for event in captured.events {
            if case .number(let peer)? = event.arguments.first, event.tracepoint.name.hasPrefix("net:") {
                peers = max(peers, peer + 1)
            }
        }
        let nodes = Dictionary(grouping: captured.events, by: \.node).sorted { $0.key < $1.key }
        self.nodes = nodes.map { $0.value.map { Self.event($0, chain) } }
        self.chain = chain
        self.peers = peers
    }

    private static func event(_ event: CapturedEvents.Event, _ chain: CapturedChain) -> Event {
        var transactions: [(argument: Int, offset: Int)] = []
        for (index, argument) in event.arguments.enumerated() {
            guard case .bytes(let bytes) = argument else { continue }
            if event.tracepoint.name.hasPrefix("mempool:") {
                transactions.append((index, 0))
            } else if case .text(let type)? = event.arguments.dropFirst(3).first,
                [Array("inv".utf8), Array("getdata".utf8)].contains(type),
                let count = bytes.first, count < 0xfd, bytes.count == 1 + Int(count) * 36
            {
                // Entries of a type and a hash; 1 and 5 are transactions, by txid and by wtxid.
                for entry in 0..<Int(count) where [1, 5].contains(bytes[1 + entry * 36]) {
                    transactions.append((index, 5 + entry * 36))
                }
            }
        }
        return Event(
            tracepoint: event.tracepoint, arguments: event.arguments, marks: chain.marks(event),
            transactions: transactions)
    }

    func pass(_ cycle: UInt32) -> Pass {
        Pass(
            cycle: cycle, hashes: chain.hashes(cycle: cycle), peers: Int64(cycle) * peers,
            blocks: Int64(cycle) * Int64(chain.count))
    }

    /// One time through the capture.
    struct Pass {
        let cycle: UInt32
        let hashes: [[UInt8]]
        /// What is added to a peer's number, and to a block's height.
        let peers: Int64
        let blocks: Int64

        func append(_ event: Event, to builder: inout BatchBuilder) {
            for (index, (argument, value)) in zip(event.tracepoint.arguments, event.arguments).enumerated() {
                switch (argument.kind, value) {
                case (.signed, .number(let number)): builder.signed(number + moved(event, index))
                case (_, .number(let number)):
                    builder.unsigned(UInt64(bitPattern: number + moved(event, index)))
                case (_, .truth(let truth)): builder.boolean(truth)
                case (_, .text(let text)): builder.string(text.span.raw)
                case (_, .bytes(var bytes)):
                    for place in event.transactions where place.argument == index {
                        CapturedChain.turn(&bytes, at: place.offset, cycle: cycle)
                    }
                    CapturedChain.apply(
                        event.marks, argument: index, to: &bytes, hashes: hashes, cycle: cycle)
                    if argument.kind == .hash {
                        builder.hash(bytes.span.raw)
                    } else {
                        builder.payload(bytes.span.raw)
                    }
                }
            }
        }

        private func moved(_ event: Event, _ argument: Int) -> Int64 {
            switch (event.tracepoint, argument) {
            case (.blockConnected, 1): blocks
            case (_, 0) where event.tracepoint.name.hasPrefix("net:"): peers
            default: 0
            }
        }
    }
}
