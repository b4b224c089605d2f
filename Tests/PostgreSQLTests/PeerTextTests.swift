import PostgreSQL
import Testing

@Suite("Text from peers")
struct PeerTextTests {
    @Test("printable ASCII stays, a backslash is doubled, everything else becomes \\xHH")
    func escapes() {
        let bytes: [UInt8] = [0x41, 0x20, 0x7e, 0x5c, 0x00, 0x1f, 0x7f, 0xff, 0xc3, 0xa9, 0x0a]
        #expect(unsafe PeerText.escape(bytes.span.bytes) == #"A ~\\\x00\x1f\x7f\xff\xc3\xa9\x0a"#)
        #expect(PeerText.escape("/Satoshi:27.0.0/") == "/Satoshi:27.0.0/")
        #expect(PeerText.escape("") == "")
    }

    @Test("every byte has one form, and no two share it")
    func injective() {
        let forms = (0...255).map { unsafe PeerText.escape([UInt8($0)].span.bytes) }
        #expect(Set(forms).count == 256)
        for form in forms { #expect(form.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }) }
    }
}
