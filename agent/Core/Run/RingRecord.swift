import ByteCodec
import CRecord
import CollectorProtocol
import Tracepoints

/// The head of a record in the ring, as `struct ps_record` lays it out.
struct RingRecordHead {
    let monotonic: UInt64
    let slot: UInt32
    let tid: UInt32
    let tracepoint: UInt8
    let flags: UInt8

    @inline(__always)
    init(_ record: RawSpan) throws(ByteCodecError) {
        let size = MemoryLayout<ps_record>.size
        guard record.byteCount >= size else {
            throw .truncated(offset: 0, needed: size, available: record.byteCount)
        }
        monotonic = record.integer(at: Self.monotonicAt, as: UInt64.self)
        slot = record.integer(at: Self.slotAt, as: UInt32.self)
        tid = record.integer(at: Self.tidAt, as: UInt32.self)
        tracepoint = record.byte(at: Self.tracepointAt)
        flags = record.byte(at: Self.flagsAt)
    }

    // Where the fields lie: what the compiler makes of the structure cannot be asked for without an optional. A test
    // compares them.
    static var monotonicAt: Int { 0 }
    static var slotAt: Int { 8 }
    static var tidAt: Int { 12 }
    static var tracepointAt: Int { 16 }
    static var flagsAt: Int { 17 }
    static var stringLengthsAt: Int { 18 }
    static var capturedAt: Int { 24 }
    static var numbersAt: Int { 32 }
}

extension EventLayouts {
    /// Records of the ring: numbers in the head, then hashes, strings and the payload behind it.
    ///
    /// The catalogue says what the arguments are; nothing here knows any tracepoint.
    static let ring = EventLayouts { tracepoint in
        let head = MemoryLayout<ps_record>.size
        var number = RingRecordHead.numbersAt
        var hash = head
        var string = head + 32 * tracepoint.arguments.count { $0.kind == .hash }
        var length = RingRecordHead.stringLengthsAt
        return tracepoint.arguments.map { argument in
            switch argument.kind {
            case .signed, .unsigned, .boolean:
                defer { number += 8 }
                return argument.kind == .signed
                    ? .signed(at: number)
                    : argument.kind == .unsigned ? .unsigned(at: number) : .boolean(at: number)
            case .hash:
                defer { hash += 32 }
                return .hash(at: hash)
            case .string(let capacity):
                defer {
                    string += capacity
                    length += 2
                }
                return .string(at: string, length: length)
            // It is the last, so that all strings lie before it.
            case .payload: return .payload(at: string, length: RingRecordHead.capturedAt)
            }
        }
    }
}
