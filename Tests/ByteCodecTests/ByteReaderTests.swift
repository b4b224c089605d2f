import ByteCodec
import Testing

@Suite struct ByteReaderTests {
    @Test func integersAreLittleEndianUnlessNamedOtherwise() throws {
        let bytes: [UInt8] = [1, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 1, 2, 3, 4]
        var reader = ByteReader(bytes.span.raw)
        #expect(try reader.u8() == 1)
        #expect(try reader.u16() == 0x0201)
        #expect(try reader.u32() == 0x0403_0201)
        #expect(try reader.u64() == 0x0807_0605_0403_0201)
        #expect(try reader.u16BigEndian() == 0x0102)
        #expect(try reader.u32BigEndian() == 0x0102_0304)
        let isAtEnd = reader.isAtEnd
        #expect(isAtEnd)
    }

    @Test func aFailedReadLeavesThePosition() throws {
        let bytes: [UInt8] = [1, 2, 0x80]
        var reader = ByteReader(bytes.span.raw)
        #expect(throws: ByteCodecError.truncated(offset: 0, needed: 4, available: 3)) { try reader.u32() }
        #expect(try reader.u16() == 0x0201)
        #expect(throws: ByteCodecError.self) { try reader.varint() }
        #expect(throws: ByteCodecError.self) { try reader.skip(-1) }
        #expect(throws: ByteCodecError.self) { try reader.array(2) }
        #expect(try reader.u8() == 0x80)
    }

    @Test(arguments: [0, 1, 127, 128, 300, UInt64(UInt32.max), .max - 1, .max])
    func varintsComeBack(value: UInt64) throws {
        var writer = ByteWriter()
        writer.varint(value)
        writer.zigzag(Int64(bitPattern: value))
        #expect(writer.count <= 20)
        var reader = ByteReader(writer.span)
        #expect(try reader.varint() == value)
        #expect(try reader.zigzag() == Int64(bitPattern: value))
    }

    @Test func theSignIsTheLowestBit() throws {
        var writer = ByteWriter()
        for value: Int64 in [0, -1, 1, -2, .min, .max] { writer.zigzag(value) }
        #expect([UInt8](writer.bytes[..<4]) == [0, 1, 2, 3])
        var reader = ByteReader(writer.span)
        for value: Int64 in [0, -1, 1, -2, .min, .max] { #expect(try reader.zigzag() == value) }
    }

    @Test func anIntegerOfMoreThanSixtyFourBitsIsRefused() {
        let eleven = [UInt8](repeating: 0x80, count: 10) + [0]
        let tooBig = [UInt8](repeating: 0xff, count: 9) + [2]
        for bytes in [eleven, tooBig] {
            var reader = ByteReader(bytes.span.raw)
            #expect(throws: ByteCodecError.overlongInteger(offset: 0)) { try reader.varint() }
        }
    }

    @Test func compactSizesAreReadAndLimited() throws {
        let bytes: [UInt8] = [0xfc, 0xfd, 1, 2, 0xfe, 1, 2, 3, 4, 0xff, 1, 0, 0, 0, 0, 0, 0, 0x80, 0xfd, 1]
        var reader = ByteReader(bytes.span.raw)
        #expect(try reader.compactSize() == 0xfc)
        #expect(try reader.compactSize() == 0x0201)
        #expect(throws: ByteCodecError.limitExceeded(offset: 4, value: 0x0403_0201, limit: 5)) {
            try reader.compactSize(limit: 5)
        }
        #expect(try reader.compactSize() == 0x0403_0201)
        #expect(try reader.compactSize() == 0x8000_0000_0000_0001)
        #expect(throws: ByteCodecError.self) { try reader.compactSize() }
        let remaining = reader.remaining
        #expect(remaining == 2)
    }

    @Test func runsThatDifferInOneByteAreNotTheSame() {
        for count in 0...40 {
            let bytes = [UInt8]((0..<UInt8(count)).map { $0 &* 7 })
            let isSame = bytes.span.raw.hasSameBytes(as: Array(bytes).span.raw)
            #expect(isSame)
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= 0x80
                let isChanged = !bytes.span.raw.hasSameBytes(as: changed.span.raw)
                #expect(isChanged, "byte \(index) of \(count)")
            }
        }
    }

    @Test func borrowedRunsCompareAndCopy() throws {
        let bytes = [UInt8]("abcabd".utf8)
        var reader = ByteReader(bytes.span.raw)
        let first = try reader.bytes(3)
        let second = try reader.bytes(3)
        let (same, other, shorter) = (
            first.hasSameBytes(as: first), first.hasSameBytes(as: second),
            first.hasSameBytes(as: second.extracting(0..<2))
        )
        #expect(same && !other && !shorter)
        #expect(first.copied() == [97, 98, 99])
        #expect(second.text() == "abd")
        #expect([0xff, 0x41].span.raw.text() == "\u{fffd}A")
    }
}
