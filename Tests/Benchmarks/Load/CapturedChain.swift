import Crypto
import Tracepoints

/// The blocks of a capture, and how they become others each time that it is repeated: a node connects a block once, and what
/// is stored of a block that comes again and again grows in a way that no network shows.
struct CapturedChain {
    /// Where an event holds the hash of a block, as its own or as a header's link, or a header's nonce.
    struct Mark {
        enum Content {
            case hash(block: Int)
            case nonce
        }
        let argument: Int
        let offset: Int
        let content: Content
    }

    private static let headerBytes = 80
    private static let hashBytes = 32
    private static let nonceOffset = 76

    /// Headers, each behind the one it builds on.
    private var headers: [[UInt8]] = []
    private var parents: [Int?] = []
    private var blocks: [[UInt8]: Int] = [:]
    var count: Int { headers.count }

    init(_ events: [CapturedEvents.Event]) {
        var waiting: [[UInt8]: [UInt8]] = [:]
        for event in events {
            for offset in Self.headerOffsets(event) {
                guard let payload = Self.payload(event) else { continue }
                let header = Array(payload[offset..<offset + Self.headerBytes])
                waiting[Self.hash(header)] = header
            }
        }
        var ready = waiting.filter { waiting[Self.previous($0.value)] == nil }
        while !ready.isEmpty {
            for (hash, header) in ready.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                blocks[hash] = headers.count
                parents.append(blocks[Self.previous(header)])
                headers.append(header)
                waiting[hash] = nil
            }
            ready = waiting.filter { blocks[Self.previous($0.value)] != nil }
        }
    }

    /// The hashes of all blocks in pass number `cycle`.
    func hashes(cycle: UInt32) -> [[UInt8]] {
        var hashes: [[UInt8]] = []
        for (header, parent) in zip(headers, parents) {
            var changed = header
            if let parent { changed.replaceSubrange(4..<4 + Self.hashBytes, with: hashes[parent]) }
            Self.turn(&changed, at: Self.nonceOffset, cycle: cycle)
            hashes.append(Self.hash(changed))
        }
        return hashes
    }

    /// Everything in `event` that depends on a block.
    func marks(_ event: CapturedEvents.Event) -> [Mark] {
        var marks: [Mark] = []
        for (index, argument) in event.arguments.enumerated() {
            guard case .bytes(let bytes) = argument, bytes.count >= Self.hashBytes else { continue }
            for offset in 0...bytes.count - Self.hashBytes {
                if let block = blocks[Array(bytes[offset..<offset + Self.hashBytes])] {
                    marks.append(Mark(argument: index, offset: offset, content: .hash(block: block)))
                }
            }
        }
        for offset in Self.headerOffsets(event) {
            marks.append(
                Mark(argument: Self.payloadArgument, offset: offset + Self.nonceOffset, content: .nonce))
        }
        return marks
    }

    /// Makes `bytes`, the argument of that number, what it is in pass number `cycle`, whose blocks have `hashes`.
    static func apply(
        _ marks: [Mark], argument: Int, to bytes: inout [UInt8], hashes: [[UInt8]], cycle: UInt32
    ) {
        for mark in marks where mark.argument == argument {
            switch mark.content {
            case .hash(let block):
                bytes.replaceSubrange(mark.offset..<mark.offset + hashBytes, with: hashes[block])
            case .nonce: turn(&bytes, at: mark.offset, cycle: cycle)
            }
        }
    }

    /// Changes four bytes so that they are others in each cycle.
    static func turn(_ bytes: inout [UInt8], at offset: Int, cycle: UInt32) {
        for index in 0..<4 {
            bytes[offset + index] ^= UInt8(truncatingIfNeeded: cycle >> (8 * UInt32(index)))
        }
    }

    private static let payloadArgument = 5

    private static func payload(_ event: CapturedEvents.Event) -> [UInt8]? {
        guard event.tracepoint == .inboundMessage || event.tracepoint == .outboundMessage,
            event.arguments.count > payloadArgument,
            case .bytes(let payload) = event.arguments[payloadArgument]
        else { return nil }
        return payload
    }

    /// Where the payload of a message holds whole headers.
    private static func headerOffsets(_ event: CapturedEvents.Event) -> [Int] {
        guard let payload = payload(event), case .text(let type) = event.arguments[3] else { return [] }
        let last = payload.count - headerBytes
        guard last >= 0 else { return [] }
        switch String(decoding: type, as: UTF8.self) {
        case "block", "cmpctblock", "merkleblock": return [0]
        // A count, and behind each header a count of no transactions.
        case "headers":
            return Array(stride(from: payload[0] < 0xfd ? 1 : 3, through: last, by: headerBytes + 1))
        default: return []
        }
    }

    private static func previous(_ header: [UInt8]) -> [UInt8] { Array(header[4..<4 + hashBytes]) }

    private static func hash(_ header: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: Array(SHA256.hash(data: header))))
    }
}
