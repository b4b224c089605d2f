import ByteCodec
import CollectorProtocol
import Testing
import Tracepoints

/// Events that are taken out of records as a whole, against the same events written argument by argument.
@Suite struct EventRecordTests {
    /// A layout that packs numbers, hashes and lengths first, then each string into 40 bytes, then the payload.
    static let layouts = EventLayouts { tracepoint in
        var fixed = 0
        var string = 0
        let strings = tracepoint.arguments.count { if case .string = $0.kind { true } else { false } }
        let head = tracepoint.arguments.reduce(0) { $0 + fixedBytes($1.kind) }
        return tracepoint.arguments.map { argument in
            defer { fixed += fixedBytes(argument.kind) }
            switch argument.kind {
            case .signed: return .signed(at: fixed)
            case .unsigned: return .unsigned(at: fixed)
            case .boolean: return .boolean(at: fixed)
            case .hash: return .hash(at: fixed)
            case .string:
                defer { string += 1 }
                return .string(at: head + 40 * string, length: fixed)
            case .payload: return .payload(at: head + 40 * strings, length: fixed)
            }
        }
    }

    static func fixedBytes(_ kind: Tracepoint.ArgumentKind) -> Int {
        switch kind {
        case .signed, .unsigned, .boolean: 8
        case .hash: 32
        case .string: 2
        case .payload: 4
        }
    }

    enum Value {
        case number(UInt64)
        case bytes([UInt8])
    }

    static func values(_ tracepoint: Tracepoint, _ generator: inout SeededGenerator) -> [Value] {
        tracepoint.arguments.map { argument in
            switch argument.kind {
            case .signed, .unsigned:
                .number(
                    UInt64.random(in: .min ... .max, using: &generator)
                        >> UInt64.random(in: 0...63, using: &generator))
            case .boolean: .number(UInt64.random(in: 0...2, using: &generator))
            case .hash: .bytes(bytes(32, of: 255, &generator))
            // Few letters, so that strings repeat and differ at any place.
            case .string: .bytes(bytes(Int.random(in: 0...40, using: &generator), of: 1, &generator))
            case .payload: .bytes(bytes(Int.random(in: 0...300, using: &generator), of: 255, &generator))
            }
        }
    }

    static func bytes(_ count: Int, of most: UInt8, _ generator: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...most, using: &generator) }
    }

    /// The record that holds `values`; what no length covers is 0xee.
    static func record(_ tracepoint: Tracepoint, _ values: [Value]) -> [UInt8] {
        var head = ByteWriter()
        var areas: [UInt8] = []
        for (argument, value) in zip(tracepoint.arguments, values) {
            switch (argument.kind, value) {
            case (_, .number(let number)): head.u64(number)
            case (.hash, .bytes(let bytes)): head.append(bytes)
            case (.payload, .bytes(let bytes)):
                head.u32(UInt32(bytes.count))
                areas += bytes
            case (_, .bytes(let bytes)):
                head.u16(UInt16(bytes.count))
                areas += bytes + [UInt8](repeating: 0xee, count: 40 - bytes.count)
            }
        }
        return head.bytes + areas
    }

    static func write(_ values: [Value], of tracepoint: Tracepoint, to builder: inout BatchBuilder) {
        for (argument, value) in zip(tracepoint.arguments, values) {
            switch (argument.kind, value) {
            case (.signed, .number(let number)): builder.signed(Int64(bitPattern: number))
            case (.boolean, .number(let number)): builder.boolean(number != 0)
            case (_, .number(let number)): builder.unsigned(number)
            case (.hash, .bytes(let bytes)): builder.hash(bytes.span.raw)
            case (.payload, .bytes(let bytes)): builder.payload(bytes.span.raw)
            case (_, .bytes(let bytes)): builder.string(bytes.span.raw)
            }
        }
    }

    static func append(
        _ tracepoint: Tracepoint, _ record: [UInt8], flags: RecordFlags = [], tid: UInt32 = 9,
        at monotonic: UInt64 = Sample.base, limit: Int = .max, to builder: inout BatchBuilder
    ) -> BatchBuilder.EventOutcome {
        builder.append(
            kind: tracepoint.rawValue, flags: flags, run: Sample.run, tid: tid, monotonic: monotonic,
            record: record.span.raw, layouts: layouts, limit: limit)
    }

    static func sealed(_ builder: inout BatchBuilder) -> [UInt8] {
        var out = ByteWriter()
        builder.seal(firstSequence: 1, ringEpoch: 1, ringEnd: 2, into: &out)
        return out.bytes
    }

    @Test func aRecordGivesTheSameBytesAsItsArguments() {
        var generator = SeededGenerator(state: 21)
        var whole = Sample.builder()
        var piecewise = Sample.builder()
        for _ in 0..<8 {
            for number in 0..<600 {
                let tracepoint = Tracepoint.allCases.randomElement(using: &generator) ?? .mempoolAdded
                let isAbsent = tracepoint.optionalArguments > 0 && number % 2 == 0
                let flags: RecordFlags = isAbsent ? [.optionalAbsent] : []
                let values = Self.values(tracepoint, &generator)
                let tid = UInt32.random(in: 1...3, using: &generator)
                // Clocks of several processors are not quite in order.
                let monotonic = Sample.base + UInt64.random(in: 0...1_000_000, using: &generator)
                let outcome = Self.append(
                    tracepoint, Self.record(tracepoint, values), flags: flags, tid: tid, at: monotonic,
                    to: &whole)
                #expect(outcome == .appended)
                piecewise.begin(
                    kind: tracepoint.rawValue, flags: flags, run: Sample.run, tid: tid, monotonic: monotonic)
                Self.write(isAbsent ? values.dropLast() : values, of: tracepoint, to: &piecewise)
                piecewise.end()
                #expect(whole.byteCount == piecewise.byteCount)
            }
            #expect(Self.sealed(&whole) == Self.sealed(&piecewise))
        }
    }

    @Test(arguments: Tracepoint.allCases) func aRecordThatIsTooShortIsRefused(tracepoint: Tracepoint) {
        var generator = SeededGenerator(state: 22)
        let values = Self.values(tracepoint, &generator)
        let record = Self.record(tracepoint, values)
        let needed = Self.needed(tracepoint, values)
        for count in 0..<record.count {
            var builder = Sample.builder()
            let outcome = Self.append(tracepoint, [UInt8](record[..<count]), to: &builder)
            #expect(outcome == (count < needed ? .malformed : .appended), "\(count) of \(record.count) bytes")
            #expect(builder.isEmpty == (outcome != .appended))
        }
    }

    /// Bytes of a record up to the end of what is in it: of its payload, or else of its last string.
    static func needed(_ tracepoint: Tracepoint, _ values: [Value]) -> Int {
        let all = record(tracepoint, values).count
        guard tracepoint.arguments.last?.kind != .payload else { return all }
        let strings = zip(tracepoint.arguments, values).compactMap { argument, value -> Int? in
            if case .string = argument.kind, case .bytes(let bytes) = value { bytes.count } else { nil }
        }
        return strings.last.map { all - 40 + $0 } ?? all
    }

    @Test func aRefusedRecordLeavesNothingBehind() {
        var generator = SeededGenerator(state: 23)
        let values = Self.values(.inboundMessage, &generator)
        let record = Self.record(.inboundMessage, values)
        var plain = Sample.builder()
        var tried = Sample.builder()
        #expect(Self.append(.inboundMessage, record, to: &plain) == .appended)
        #expect(Self.append(.inboundMessage, record, to: &tried) == .appended)
        #expect(Self.append(.inboundMessage, [UInt8](record.dropLast()), to: &tried) == .malformed)
        #expect(Self.sealed(&tried) == Self.sealed(&plain))
    }

    @Test func aKindThatIsNoTracepointIsRefused() {
        var builder = Sample.builder()
        for kind in [UInt8(0), 23, 64, 255] {
            let outcome = builder.append(
                kind: kind, flags: [], run: 1, tid: 1, monotonic: Sample.base,
                record: [UInt8](repeating: 0, count: 1000).span.raw, layouts: Self.layouts, limit: .max)
            #expect(outcome == .malformed)
        }
        #expect(builder.isEmpty)
    }

    @Test func aRecordThatWouldPassTheLimitWaitsForTheNextBatch() {
        var generator = SeededGenerator(state: 24)
        let record = Self.record(.blockConnected, Self.values(.blockConnected, &generator))
        var builder = Sample.builder()
        // One alone may be as large as it is.
        #expect(Self.append(.blockConnected, record, limit: 1, to: &builder) == .appended)
        let limit = builder.byteCount + record.count
        #expect(Self.append(.blockConnected, record, limit: limit - 1, to: &builder) == .full)
        #expect(builder.recordCount == 1)
        #expect(Self.append(.blockConnected, record, limit: limit, to: &builder) == .appended)
    }
}
