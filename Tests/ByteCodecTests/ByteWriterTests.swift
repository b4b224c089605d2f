import ByteCodec
import Testing

@Suite struct ByteWriterTests {
    @Test func integersComeBack() throws {
        var writer = ByteWriter()
        writer.u8(1)
        writer.u16(2)
        writer.u16BigEndian(3)
        writer.u32(4)
        writer.u32BigEndian(5)
        writer.u64(6)
        writer.u64BigEndian(7)
        writer.i32(-8)
        writer.i64(-9)
        writer.append(utf8: "é")
        var reader = ByteReader(writer.span)
        #expect(try reader.u8() == 1)
        #expect(try reader.u16() == 2)
        #expect(try reader.u16BigEndian() == 3)
        #expect(try reader.u32() == 4)
        #expect(try reader.u32BigEndian() == 5)
        #expect(try reader.u64() == 6)
        #expect(UInt64(bigEndian: try reader.u64()) == 7)
        #expect(try reader.i32() == -8)
        #expect(try reader.i64() == -9)
        #expect(try reader.array(2) == [0xc3, 0xa9])
    }

    @Test func whatIsWrittenCanBeOverwrittenAndCut() {
        var writer = ByteWriter(capacity: 16)
        writer.append([0, 0, 0, 0, 0, 0, 0, 0, 9])
        writer.overwrite(u64: 0x0102_0304_0506_0708, at: 0)
        writer.overwrite(u32: 0, at: 1)
        #expect(writer.bytes == [8, 0, 0, 0, 0, 3, 2, 1, 9])
        writer.truncate(to: 1)
        #expect(writer.bytes == [8])
        writer.removeAll()
        #expect(writer.count == 0)
    }

    @Test func theHashDependsOnEveryByteAndOnTheSeed() {
        let bytes = [UInt8]((0..<37).map { UInt8($0) })
        let hash = bytes.span.raw.seededHash(1)
        #expect(hash == bytes.span.raw.seededHash(1))
        #expect(hash != bytes.span.raw.seededHash(2))
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x10
            #expect(changed.span.raw.seededHash(1) != hash)
        }
        let lengths = Set((0...40).map { [UInt8](repeating: 0, count: $0).span.raw.seededHash(1) })
        #expect(lengths.count == 41)
    }
}
