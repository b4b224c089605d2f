import BitcoinP2P
import Testing

@Suite struct VersionTests {
    static let message = bytes(
        """
        80110100                          // 70016
        4d0c000000000000                  // NETWORK, WITNESS, COMPACT_FILTERS, NETWORK_LIMITED, P2P_V2
        2d7b046b00000000                  // the sender's clock
        0900000000000000                  // the receiver's services
        00000000000000000000ffff2d5ae4cf  // the receiver, 45.90.228.207
        208d                              // and its port, big-endian
        4d0c000000000000                  // the sender's services
        00000000000000000000000000000000  // the sender: nobody
        0000
        fd7252d055e806b5                  // nonce
        11                                // 17 bytes of user agent
        2f5361746f7368693a33312e39392e302f // /Satoshi:31.99.0/
        00000080                          // a start height below zero
        00                                // no transactions, please
        """)

    @Test func `every field is read`() throws {
        let decoded = Version.decode(Self.message.raw, size: Self.message.count)
        let version = try #require(decoded.value)
        #expect(decoded.status == .ok)
        #expect(version.protocolVersion == 70016)
        #expect(version.services == 0xc4d)
        #expect(version.timestamp == 0x6b04_7b2d)
        #expect(version.receiverServices == 9)
        #expect(version.receiver.description == "45.90.228.207:8333")
        #expect(version.senderServices == 0xc4d)
        #expect(version.sender?.description == "[::]:0")
        #expect(version.nonce == 0xb506_e855_d052_72fd)
        #expect(version.userAgent == "/Satoshi:31.99.0/".utf8Bytes)
        #expect(version.startHeight == .min)
        #expect(version.relay == false)
    }

    @Test func `what is optional may be missing`() throws {
        for (length, fields) in [46: 0, 80: 1, 98: 2, 102: 3, 103: 4] {
            let short = [UInt8](Self.message.prefix(length))
            let decoded = Version.decode(short.raw, size: length)
            #expect(decoded.status == .ok)
            let version = try #require(decoded.value)
            #expect((version.nonce != nil) == (fields > 0))
            #expect((version.userAgent != nil) == (fields > 1))
            #expect((version.startHeight != nil) == (fields > 2))
            #expect((version.relay != nil) == (fields > 3))
        }
    }

    @Test func `a cut message keeps the groups before the cut`() throws {
        for length in 0..<Self.message.count {
            let cut = [UInt8](Self.message.prefix(length))
            let decoded = Version.decode(cut.raw, size: Self.message.count)
            #expect(decoded.status == .truncated)
            #expect((decoded.value != nil) == (length >= 46))
            #expect((decoded.value?.nonce != nil) == (length >= 80))
            #expect((decoded.value?.userAgent != nil) == (length >= 98))
        }
    }

    @Test func `a cut message that is too short for its next field is malformed`() {
        // Of 47 bytes 46 were captured: one byte is left for services, address and nonce.
        let required = [UInt8](Self.message.prefix(46))
        #expect(Version.decode(required.raw, size: 47).status == .malformed)
        #expect(Version.decode(required.raw, size: 80).status == .truncated)
    }

    @Test func `a user agent longer than 256 bytes is malformed`() {
        let head = [UInt8](Self.message.prefix(80))
        let most = head + bytes("fd0001") + repeated(0xff, 256)
        #expect(Version.decode(most.raw, size: most.count).value?.userAgent?.count == 256)
        let more = head + bytes("fd0101") + repeated(0xff, 257)
        #expect(Version.decode(more.raw, size: more.count).status == .malformed)
        #expect(Version.decode(more.raw, size: more.count).value == nil)
    }

    @Test func `bytes behind the relay flag are trailing`() {
        let longer = Self.message + [1, 2, 3]
        let decoded = Version.decode(longer.raw, size: longer.count)
        #expect(decoded.status == .trailing)
        #expect(decoded.value?.relay == false)
    }
}
