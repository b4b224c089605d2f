public import ByteCodec

/// Why bytes are not a batch, or not a batch this version can read.
public enum BatchError: Error, Equatable, Sendable {
    /// The first four bytes are not `PSB1`.
    case notABatch(magic: UInt32)
    /// The length in the header is impossible, or differs from the bytes at hand.
    case wrongLength(declared: Int, available: Int)
    /// The CRC-32C in the header differs from that of the bytes.
    case wrongChecksum(stored: UInt32, computed: UInt32)
    /// A header field breaks the rule that is spelled out.
    case badHeader(rule: String)
    /// Entry `index` of a table (strings, runs, threads, tallies) breaks the rule.
    case badTable(table: String, index: Int, rule: String)
    /// Record `index` of the batch, of this kind, breaks the rule.
    case badRecord(index: Int, kind: UInt8, rule: String)
    /// A table or a record ends early or holds an overlong integer.
    case badBytes(place: String, index: Int, ByteCodecError)
}

extension BatchError: CustomStringConvertible {
    /// One line for a log or the `quarantine` table.
    public var description: String {
        switch self {
        case .notABatch(let magic):
            "batch: magic is 0x\(String(magic, radix: 16)), expected 0x31425350 (PSB1)"
        case .wrongLength(let declared, let available):
            "batch: header declares \(declared) bytes, \(available) are there"
        case .wrongChecksum(let stored, let computed):
            "batch: CRC-32C is 0x\(String(stored, radix: 16)), computed 0x\(String(computed, radix: 16))"
        case .badHeader(let rule): "batch header: expected \(rule)"
        case .badTable(let table, let index, let rule): "batch: \(table) entry \(index): expected \(rule)"
        case .badRecord(let index, let kind, let rule):
            "batch: record \(index) of kind \(kind): expected \(rule)"
        case .badBytes(let place, let index, let error): "batch: \(place) \(index): \(error)"
        }
    }
}
