import ByteCodec
import CollectorProtocol
import Testing

@Suite struct IdentifierTests {
    @Test func theChecksumIsTheOneOfTheStandard() {
        #expect(CRC32C.checksum([UInt8]("123456789".utf8).span.raw) == 0xe306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32).span.raw) == 0x8a91_36aa)
        #expect(CRC32C.checksum([UInt8]().span.raw) == 0)
    }

    /// Long runs are computed in several lanes, which have to be put together right.
    @Test func theChecksumOfALongRunIsTheOneBitByBit() {
        var generator = SeededGenerator(state: 31)
        let bytes = (0..<9_300).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        var register = UInt32.max
        for count in 0...bytes.count {
            if count % 512 < 9 || count > 9_290 {
                let run = bytes.span.raw.extracting(0..<count)
                #expect(CRC32C.checksum(run) == ~register, "\(count) bytes")
            }
            guard count < bytes.count else { break }
            register ^= UInt32(bytes[count])
            for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
    }

    @Test func aBootIDKeepsTheOrderOfItsText() {
        let text = "00112233-4455-6677-8899-aabbccddeeff"
        let boot = BootID(text: text.uppercased() + "\n")
        #expect(boot?.description == text)
        #expect(boot?.bytes.first == 0 && boot?.bytes.last == 0xff)
    }

    @Test(arguments: [
        "", "0011223344556677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeefff", "0011223g-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899 aabbccddeeff",
    ])
    func whatIsNotAUUIDIsRefused(text: String) {
        #expect(BootID(text: text) == nil)
    }

    @Test func nodeNamesAreOneToSixtyFourPlainCharacters() {
        #expect(NodeName.isLegal("alpha-1.Node_2"))
        #expect(NodeName.isLegal(String(repeating: "a", count: 64)))
        for name in ["", String(repeating: "a", count: 65), "a b", "a/b", "é", "a\0"] {
            #expect(!NodeName.isLegal(name))
        }
    }
}
