import ArgumentParser
import BitcoinP2P
import ByteCodec
import Crypto
import Foundation
import Tracepoints

/// `peerscope-load decode`: what decoding costs, by type of message.
struct DecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Measure the decoders on one core.",
        discussion: """
            Decodes the payloads of captures, and where they have none of a type those of FOLDER/*.hex, and prints a line \
            of JSON for each type. Beside it stands what cannot be avoided: SHA-256d where a hash is needed, else a copy \
            of the bytes, in the same run and in turns with it. Times are CPU times of the thread, medians of the rounds.
            """)

    @Option(help: "Captures to take payloads from.") var capture: [String] = []
    @Option(help: "Folder of annotated payloads.") var messages: String
    @Option(help: "A block as it is in a `block` message.") var block: String?
    @Option(help: "Rounds.") var rounds = 5
    @Option(help: "Milliseconds of each round.") var milliseconds = 10

    func run() throws {
        var samples = try Samples()
        for path in capture { samples.add(try CapturedEvents(path: path)) }
        for type in MessageType.allCases where samples[type].isEmpty {
            samples.add(type, try Samples.annotated("\(messages)/\(type.rawValue).hex"))
        }
        for type in MessageType.allCases { report(type.rawValue, samples[type]) { Decoding.run(type, $0) } }
        guard let block else { return }
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: block)))
        report("block, every txid", [bytes], Decoding.everyTransaction)
    }

    private func report(
        _ name: String, _ payloads: [[UInt8]], _ decode: @escaping (RawSpan) -> Decoding.Result
    ) {
        guard !payloads.isEmpty else { return }
        let hashed = payloads.map { decode($0.span.raw).hashed }
        let isHashed = hashed.contains { !$0.isEmpty }
        let largest = payloads.map(\.count).max() ?? 0
        var copy = [UInt8](repeating: 0, count: max(largest, 1))
        var decoding: [Double] = []
        var limit: [Double] = []
        for _ in 0..<rounds {
            decoding.append(
                timed(milliseconds: milliseconds) {
                    for payload in payloads { keep(decode(payload.span.raw).status) }
                })
            limit.append(
                timed(milliseconds: milliseconds) {
                    for (payload, lengths) in zip(payloads, hashed) {
                        if isHashed {
                            for length in lengths { keep(Self.doubleHash(payload, length)) }
                        } else {
                            Self.duplicate(payload, into: &copy)
                            keep(copy[0])
                        }
                    }
                })
        }
        let bytes = payloads.reduce(0) { $0 + $1.count }
        let count = Double(payloads.count)
        print(
            """
            {"type":"\(name)","messages":\(payloads.count),"bytes":\(bytes),\
            "ns":\(middle(decoding) / count),"limit_ns":\(middle(limit) / count),\
            "limit":"\(isHashed ? "SHA-256d" : "memcpy")","least_ns":\((decoding.min() ?? 0) / count),\
            "most_ns":\((decoding.max() ?? 0) / count)}
            """)
    }

    private static func doubleHash(_ bytes: [UInt8], _ length: Int) -> SHA256.Digest {
        let inner = unsafe bytes.withUnsafeBytes { bytes in
            var hash = SHA256()
            unsafe hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes.prefix(length)))
            return hash.finalize()
        }
        var outer = SHA256()
        unsafe inner.withUnsafeBytes { unsafe outer.update(bufferPointer: $0) }
        return outer.finalize()
    }

    @inline(never)
    private static func duplicate(_ bytes: [UInt8], into copy: inout [UInt8]) {
        unsafe copy.withUnsafeMutableBytes { copy in
            unsafe bytes.withUnsafeBytes { unsafe copy.copyMemory(from: $0) }
        }
    }
}

/// The decoders as the aggregator calls them.
enum Decoding {
    struct Result {
        var status: DecodeStatus
        /// Lengths of what had to be hashed, to be hashed again without anything else.
        var hashed: [Int] = []
    }

    static func run(_ type: MessageType, _ payload: RawSpan) -> Result {
        let size = payload.byteCount
        switch type {
        case .tx:
            // Both hashes are always computed.
            let tx = Tx.decode(payload, size: size)
            return Result(
                status: tx.status,
                hashed: tx.value.map { hashed($0.transaction) } ?? [])
        case .headers:
            let headers = Headers.forEach(payload, size: size) { keep($0.hash) }
            return Result(
                status: headers.status,
                hashed: Array(repeating: BlockHeader.byteCount, count: headers.delivered))
        case .block, .cmpctblock, .merkleblock:
            return Result(status: type.status(of: payload, size: size), hashed: [BlockHeader.byteCount])
        case .blocktxn:
            var lengths: [Int] = []
            let status = BlockTransactions.forEachTransaction(payload, size: size) { _, transaction, bytes in
                let tx = Tx(transaction, of: bytes)
                keep(tx.txid)
                lengths += hashed(transaction)
            }.status
            return Result(status: status, hashed: lengths)
        default: return Result(status: type.status(of: payload, size: size))
        }
    }

    /// A whole block with the txid of each transaction.
    static func everyTransaction(_ payload: RawSpan) -> Result {
        var lengths: [Int] = [BlockHeader.byteCount]
        let status = Block.forEachTransaction(payload, size: payload.byteCount) { _, transaction, bytes in
            keep(transaction.txid(of: bytes))
            lengths.append(transaction.strippedSize)
        }.status
        return Result(status: status, hashed: lengths)
    }

    private static func hashed(_ transaction: Transaction) -> [Int] {
        transaction.hasWitness ? [transaction.strippedSize, transaction.size] : [transaction.size]
    }
}

/// Payloads by type, not more than two million bytes of each.
struct Samples {
    private var payloads: [MessageType: [[UInt8]]] = [:]
    private var sizes: [MessageType: Int] = [:]

    init() throws {}

    subscript(_ type: MessageType) -> [[UInt8]] { payloads[type] ?? [] }

    mutating func add(_ type: MessageType, _ payload: [UInt8]) {
        guard sizes[type, default: 0] < 2_000_000 else { return }
        payloads[type, default: []].append(payload)
        sizes[type, default: 0] += payload.count
    }

    mutating func add(_ captured: CapturedEvents) {
        for event in captured.events {
            guard event.tracepoint == .inboundMessage || event.tracepoint == .outboundMessage,
                event.arguments.count > 5, case .text(let name) = event.arguments[3],
                case .bytes(let payload) = event.arguments[5], let type = MessageType(name.span.raw)
            else { continue }
            add(type, payload)
        }
    }

    mutating func add(_ type: MessageType, _ payloads: [[UInt8]]) {
        for payload in payloads { add(type, payload) }
    }

    /// The messages of an annotated file: hexadecimal digits, with comments behind `#`, an empty line between two.
    static func annotated(_ path: String) throws -> [[UInt8]] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var messages: [[UInt8]] = []
        var digits = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let code = line.prefix { $0 != "#" }.filter { !$0.isWhitespace }
            if line.allSatisfy(\.isWhitespace) {
                if !digits.isEmpty { messages.append(try bytes(digits, path)) }
                digits = ""
            } else {
                digits += code
            }
        }
        if !digits.isEmpty { messages.append(try bytes(digits, path)) }
        return messages.isEmpty ? [[]] : messages
    }

    private static func bytes(_ digits: String, _ path: String) throws -> [UInt8] {
        let values = digits.compactMap(\.hexDigitValue)
        guard values.count == digits.count, values.count % 2 == 0 else {
            throw ValidationError("\(path): expected pairs of hexadecimal digits")
        }
        return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
    }
}
