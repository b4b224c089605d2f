import ByteCodec
import CollectorProtocol
import Testing

/// Whatever the bytes are, the answer is a batch or an error, and never a trap.
@Suite struct BatchRobustnessTests {
    @Test func everyTruncationIsAnError() {
        let whole = Sample.everything()
        for length in 0..<whole.count {
            #expect(throws: BatchError.self) { try readWhole([UInt8](whole[..<length])) }
        }
    }

    @Test func everyTruncationWithAMatchingHeaderIsAnError() {
        let whole = Sample.everything()
        for length in 120..<whole.count {
            var writer = ByteWriter()
            writer.append([UInt8](whole[..<length]))
            writer.overwrite(u32: UInt32(length), at: 8)
            #expect(throws: BatchError.self) { try readWhole(withValidChecksum(writer.bytes)) }
        }
    }

    @Test func everyFlippedBitIsCaughtByTheChecksum() {
        let whole = Sample.batch(first: 5, count: 3)
        for bit in 0..<8 * whole.count {
            var bytes = whole
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: BatchError.self) { try readWhole(bytes) }
        }
    }

    @Test func flippedBitsUnderAValidChecksumDoNotTrap() {
        let whole = Sample.everything()
        for bit in 0..<8 * whole.count {
            var bytes = whole
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            _ = try? readWhole(withValidChecksum(bytes))
        }
    }

    @Test func randomDamageUnderAValidChecksumDoesNotTrap() {
        var generator = SeededGenerator(state: 1)
        let samples = [Sample.everything(), Sample.gap(first: 1, last: 9), Sample.batch(first: 1, count: 2)]
        for _ in 0..<20_000 {
            var bytes = samples[Int.random(in: 0..<3, using: &generator)]
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 8..<bytes.count, using: &generator)
                bytes[place] =
                    [0, 0x7f, 0x80, 0xff, .random(in: 0...255, using: &generator)]
                    .randomElement(using: &generator) ?? 0
            }
            _ = try? readWhole(withValidChecksum(bytes))
        }
    }

    @Test func randomTablesUnderAValidHeaderDoNotTrap() {
        var generator = SeededGenerator(state: 2)
        let header = [UInt8](Sample.batch(first: 1, count: 4)[..<120])
        for _ in 0..<20_000 {
            var writer = ByteWriter()
            writer.append(header)
            let count = Int.random(in: 0..<200, using: &generator)
            for _ in 0..<count {
                writer.u8(.random(in: 0...255, using: &generator) & .random(in: 0...255, using: &generator))
            }
            writer.overwrite(u32: UInt32(writer.count), at: 8)
            for place in stride(from: 96, through: 108, by: 4) {
                writer.overwrite(u32: .random(in: 0...3, using: &generator), at: place)
            }
            if Bool.random(using: &generator) {
                writer.overwrite(u32: .max, at: 96 + 4 * Int.random(in: 0...4, using: &generator))
            }
            _ = try? readWhole(withValidChecksum(writer.bytes))
        }
    }

    @Test func randomBytesAreAnError() {
        var generator = SeededGenerator(state: 3)
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0..<300, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            #expect(throws: BatchError.self) { try readWhole(bytes) }
        }
    }

    @Test func aBatchCutFromABiggerBufferMustFitExactly() {
        let whole = Sample.batch(first: 1)
        #expect(throws: BatchError.wrongLength(declared: whole.count, available: whole.count + 1)) {
            try readWhole(whole + [0])
        }
    }

    @Test(
        arguments: [
            (16, [0, 0, 0, 0, 0, 0, 0, 0]),  // stream_id 0
            (23, [0x80]),  // stream_id of 64 bits
            (24, [0, 0, 0, 0, 0, 0, 0, 0]),  // first_seq 0
            (32, [1, 0, 0, 0, 0, 0, 0, 0]),  // last_seq below first_seq
            (40, [9, 0, 0, 0]),  // a count that is not last − first + 1
            (47, [0x80]),  // clk of 32 bits
            (55, [0x80]),  // base_mono_ns of 64 bits
            (12, [2]), (13, [1]), (116, [1]),
        ] as [(Int, [UInt8])])
    func aHeaderThatBreaksARuleIsRefused(place: Int, value: [UInt8]) {
        var bytes = Sample.batch(first: 5)
        bytes.replaceSubrange(place..<place + value.count, with: value)
        let damaged = withValidChecksum(bytes)
        #expect(throws: BatchError.self) { try readWhole(damaged) }
        #expect(throws: BatchError.self) { try BatchHeader.read(damaged.span.raw) }
    }

    @Test func aCursorRepeatsItsError() throws {
        var bytes = Sample.batch(first: 5, count: 2)
        bytes[bytes.count - 2 * 30] = 63
        let damaged = withValidChecksum(bytes)
        let batch = try BatchReader(damaged.span.raw)
        var cursor = batch.records()
        var errors: [BatchError] = []
        for _ in 0..<4 {
            do { while try cursor.next() != nil {} } catch { errors.append(error) }
        }
        #expect(errors.count == 4 && Set(errors.map(\.description)).count == 1)
    }
}
