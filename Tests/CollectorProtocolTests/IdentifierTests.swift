import ByteCodec
import CollectorProtocol
import Testing

@Suite struct IdentifierTests {
    @Test func theChecksumIsTheOneOfTheStandard() {
        #expect(CRC32C.checksum([UInt8]("123456789".utf8).span.raw) == 0xe306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32).span.raw) == 0x8a91_36aa)
        #expect(CRC32C.checksum([UInt8]().span.raw) == 0)
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
