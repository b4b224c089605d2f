import ByteCodec
import Foundation
import Testing

@testable import BitcoinP2P

/// Block 413 567 of the main chain, as serialized in a `block` message.
enum MainnetBlock {
    static let payload: [UInt8] =
        (try? Data(contentsOf: fixture("captures/mainnet-block-413567.raw"))).map { [UInt8]($0) } ?? []
    static let hash = "0000000000000000025aff8be8a55df8f89c77296db6198f272d6577325d4069"
    static let header = [UInt8](payload.prefix(80))
    /// Bytes before the first transaction: header, and a count in three bytes.
    static let coinbaseStart = 83

    static let coinbase: [UInt8] = {
        var bytes: [UInt8] = []
        _ = Block.forEachTransaction(payload.raw, size: payload.count) { index, _, transaction in
            if index == 0 { bytes = transaction.copied() }
        }
        return bytes
    }()
}

@Suite struct MainnetBlockTests {
    @Test func `its header hashes to what the chain knows`() throws {
        let payload = MainnetBlock.payload
        let decoded = Block.decode(payload.raw, size: payload.count)
        let block = try #require(decoded.value)
        #expect(decoded.status == .ok)
        #expect(block.header.hash.description == MainnetBlock.hash)
        #expect(block.header.hash == Hash256(shown: MainnetBlock.hash))
        #expect(
            block.header.previous.description
                == "00000000000000000542b54d29b12b523ff6c6474e0e86085bd3005ec6c5ce11")
        #expect(block.header.version == 4)
        #expect(block.header.time == 1_464_307_123)
        #expect(block.header.bits == 0x1805_8436)
        #expect(block.header.nonce == 0x7e5f_b903)
        #expect(block.transactionCount == 1557)
        #expect(block.height == 413_567)
        let script = String(decoding: block.coinbase?.scriptSig ?? [], as: UTF8.self)
        #expect(script.contains("七彩神仙鱼"))
        #expect(block.coinbase?.tag == "Mined by chenguanghai")
    }

    @Test func `the merkle root of its transactions is the header's`() throws {
        let payload = MainnetBlock.payload
        var level: [Hash256] = []
        let decoded = Block.forEachTransaction(payload.raw, size: payload.count) {
            index, transaction, bytes in
            #expect(transaction.isCoinbase == (index == 0))
            #expect(transaction.size == bytes.byteCount)
            level.append(transaction.txid(of: bytes))
        }
        #expect(level.count == 1557)
        #expect(Set(level).count == 1557)
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map { index in
                var pair = SHA256d()
                pair.update(level[index].bytes)
                pair.update(level[min(index + 1, level.count - 1)].bytes)
                return pair.finalize()
            }
        }
        #expect(level.first == decoded.value?.header.merkleRoot)
    }

    @Test func `its transactions give txid and wtxid, each only when asked`() throws {
        let payload = MainnetBlock.payload
        var ids: [Int: (Hash256, Hash256)] = [:]
        let decoded = Block.forEachTransaction(payload.raw, size: payload.count) {
            index, transaction, bytes in
            guard [0, 1, 1556].contains(index) else { return }
            ids[index] = (transaction.txid(of: bytes), transaction.wtxid(of: bytes))
        }
        #expect(decoded.status == .ok)
        let shown = ids.mapValues(\.0.description)
        #expect(shown[0] == "5b4aaef3f4e4625d70385ddf0bd2a0b7d7141e4c2fd36d2ff2cad37fff3deb0f")
        #expect(shown[1] == "f1bd8c6e99baddc7b5ba7882f89a578549a669e5764801d8a0084aee9183ee11")
        #expect(shown[1556] == "63434bb06525615f43954598d281d03feaae70658c4187ccb3ba7fa7b093a0b8")
        // The block is from before SegWit, so that no transaction has a witness.
        #expect(ids.values.allSatisfy { $0.0 == $0.1 })
    }

    @Test func `256 bytes of it are enough for hash and height`() {
        let head = [UInt8](MainnetBlock.payload.prefix(256))
        let decoded = Block.decode(head.raw, size: MainnetBlock.payload.count)
        #expect(decoded.status == .truncated)
        #expect(decoded.value?.header.hash.description == MainnetBlock.hash)
        #expect(decoded.value?.transactionCount == 1557)
        #expect(decoded.value?.height == 413_567)
    }

    @Test func `each cut delivers what stands before it`() {
        let size = MainnetBlock.payload.count
        for length in 0..<600 {
            let decoded = Block.decode([UInt8](MainnetBlock.payload.prefix(length)).raw, size: size)
            #expect(decoded.status == .truncated)
            #expect((decoded.value != nil) == (length >= 80))
            #expect((decoded.value?.transactionCount != nil) == (length >= 83))
            #expect((decoded.value?.coinbase != nil) == (length >= 83 + 4 + 1 + 36 + 1 + 100))
        }
    }

    @Test func `a byte missing at its end is malformed`() {
        let short = [UInt8](MainnetBlock.payload.dropLast())
        #expect(Block.decode(short.raw, size: short.count).status == .malformed)
    }
}

@Suite struct CoinbaseTests {
    @Test(arguments: [
        ("00", 0), ("51", 1), ("5100", 1), ("60", 16), ("0111", 17), ("017f", 127), ("028000", 128),
        ("037f4f06", 413_567), ("04ffffff7f", 0x7fff_ffff), ("0180", nil), ("61", nil), ("03ffff", nil),
        ("", nil), ("0901020304050607080900", nil),
    ])
    func `the height is the first number pushed`(script: String, height: Int?) {
        #expect(peek(script)?.pushedHeight == height)
    }

    @Test func `a block of version 1 has no height`() {
        #expect(peek("03ffff00")?.height(version: 1) == nil)
        #expect(peek("03ffff00")?.height(version: 2) == 65535)
    }

    @Test(arguments: [
        ("037f4f06 04414243ff 2f 736c757368 2f", "/slush/"),  // the longer of "ABC" and "/slush/"
        ("037f4f06 41424344 00 61626364", "ABCD"),  // the first of two of the same length
        ("037f4f06 414243 00 616263", nil),  // three characters are chance
        ("0441424344 414243", nil),  // the height is no text, though it could be read as "ABCD"
        ("41424344", "ABCD"),  // a script without height
        ("00 41424344", "ABCD"), ("51 41424344", "ABCD"), ("037f4f06", nil), ("51", nil), ("", nil),
        ("ff", nil),
        // A merged-mining hash of nothing but letters is no tag; what follows it is.
        (
            "037f4f06 fabe6d6d" + String(repeating: "41", count: 32) + "04000000 41414141 2f503270506f6f6c2f",
            "/P2pPool/"
        ),
        ("037f4f06 fabe6d6d 414141414141", nil),  // a commitment that the script's end cuts
        ("037f4f06 fabe6d 4142434445", "mABCDE"),  // half its magic, then text
    ])
    func `the tag is the longest run of printable characters behind the height`(
        script: String, tag: String?
    ) {
        #expect(peek(script)?.tag == tag)
    }

    @Test func `a tag is cut to 64 characters`() {
        let script = "037f4f06" + String(repeating: "7e", count: 65)
        #expect(peek(script)?.tag == String(repeating: "~", count: 64))
    }

    private func peek(_ script: String) -> Coinbase? {
        let script = bytes(script)
        let transaction =
            bytes("01000000 01") + repeated(0, 32) + repeated(0xff, 4) + [UInt8(script.count)] + script
        return Coinbase(peeking: ByteReader(transaction.raw))
    }
}
