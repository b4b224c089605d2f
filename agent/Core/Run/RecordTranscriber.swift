import ByteCodec
import CRecord
import CollectorProtocol
import Tracepoints

/// The fixed head of a record in the ring, as `struct ps_record` lays it out.
struct RingRecordHead {
    var monotonic: UInt64
    var slot: UInt32
    var tid: UInt32
    var tracepoint: UInt8
    var flags: UInt8
    var stringLengths: (UInt16, UInt16, UInt16)
    var captured: UInt32
    var numbers: (Int64, Int64, Int64, Int64, Int64, Int64)

    init(_ record: RawSpan) throws(ByteCodecError) {
        var reader = ByteReader(record)
        monotonic = try reader.u64()
        slot = try reader.u32()
        tid = try reader.u32()
        tracepoint = try reader.u8()
        flags = try reader.u8()
        stringLengths = (try reader.u16(), try reader.u16(), try reader.u16())
        captured = try reader.u32()
        try reader.skip(4)
        numbers = (
            try reader.i64(), try reader.i64(), try reader.i64(), try reader.i64(), try reader.i64(),
            try reader.i64()
        )
    }

    func number(_ index: Int) -> Int64 {
        switch index {
        case 0: numbers.0
        case 1: numbers.1
        case 2: numbers.2
        case 3: numbers.3
        case 4: numbers.4
        default: numbers.5
        }
    }

    func stringLength(_ index: Int) -> Int {
        switch index {
        case 0: Int(stringLengths.0)
        case 1: Int(stringLengths.1)
        default: Int(stringLengths.2)
        }
    }
}

/// Turns a record of the ring into a record of a batch, argument by argument, without knowing any tracepoint:
/// the catalogue says what the arguments are.
struct RecordTranscriber {
    enum Step {
        case signed(Int)
        case unsigned(Int)
        case boolean(Int)
        case hash(offset: Int)
        case string(Int, offset: Int)
        case payload(offset: Int)
    }

    /// By raw value of the tracepoint.
    private let steps: [[Step]]

    init() {
        var steps = [[Step]](repeating: [], count: Int(PS_TRACEPOINTS))
        for tracepoint in Tracepoint.allCases { steps[Int(tracepoint.rawValue)] = Self.steps(tracepoint) }
        self.steps = steps
    }

    /// Where each argument lies: numbers in the head, then hashes, strings and the payload behind it.
    static func steps(_ tracepoint: Tracepoint) -> [Step] {
        let head = MemoryLayout<ps_record>.size
        let hashes = tracepoint.arguments.count { $0.kind == .hash }
        var numbers = 0
        var hash = head
        var string = head + hashes * 32
        var strings = 0
        var areas = string
        for argument in tracepoint.arguments {
            if case .string(let capacity) = argument.kind { areas += capacity }
        }
        return tracepoint.arguments.map { argument in
            switch argument.kind {
            case .signed, .unsigned, .boolean:
                defer { numbers += 1 }
                return argument.kind == .signed
                    ? .signed(numbers) : argument.kind == .unsigned ? .unsigned(numbers) : .boolean(numbers)
            case .hash:
                defer { hash += 32 }
                return .hash(offset: hash)
            case .string(let capacity):
                defer {
                    string += capacity
                    strings += 1
                }
                return .string(strings, offset: string)
            case .payload: return .payload(offset: areas)
            }
        }
    }

    /// Appends the record to `builder`. False when it is not what the layout says, which is a fault of ours.
    func transcribe(
        _ head: RingRecordHead, _ record: RawSpan, run: UInt64, clock: AgentClock,
        into builder: inout BatchBuilder
    ) -> Bool {
        let tracepoint = Int(head.tracepoint)
        guard tracepoint < steps.count, !steps[tracepoint].isEmpty else { return false }
        for step in steps[tracepoint] {
            switch step {
            case .hash(let offset): guard offset + 32 <= record.byteCount else { return false }
            case .string(let index, let offset):
                guard offset + head.stringLength(index) <= record.byteCount else { return false }
            case .payload(let offset):
                guard offset + Int(head.captured) <= record.byteCount else { return false }
            default: break
            }
        }
        builder.begin(
            kind: head.tracepoint, flags: RecordFlags(rawValue: head.flags), run: run, tid: head.tid,
            monotonic: clock.shown(head.monotonic))
        // An argument the node does not have is left out of the record as well.
        let absent = head.flags & UInt8(PS_OPTIONAL_ABSENT.rawValue) != 0 ? 1 : 0
        for step in steps[tracepoint].dropLast(absent) {
            switch step {
            case .signed(let index): builder.signed(head.number(index))
            case .unsigned(let index): builder.unsigned(UInt64(bitPattern: head.number(index)))
            case .boolean(let index): builder.boolean(head.number(index) != 0)
            case .hash(let offset): builder.hash(record.extracting(offset..<offset + 32))
            case .string(let index, let offset):
                builder.string(record.extracting(offset..<offset + head.stringLength(index)))
            case .payload(let offset):
                builder.payload(record.extracting(offset..<offset + Int(head.captured)))
            }
        }
        builder.end()
        return true
    }
}
