import BitcoinP2P
import Testing

@Suite struct TxTests {
    /// BIP143's native P2WPKH example, signed: two inputs, one of them with a witness.
    static let message = bytes(
        """
        01000000                          // version
        00 01                             // marker, flag
        02                                // two inputs
        fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f 00000000
        49 4830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be0220
           40529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01
        eeffffff
        ef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a 01000000
        00
        ffffffff
        02                                // two outputs
        202cb20600000000 19 76a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac
        9093510d00000000 19 76a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac
        00                                // no witness for the first input
        02                                // two items for the second
        47 304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220
           573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee01
        21 025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357
        11000000                          // lock time
        """)

    @Test func `ids with and without witness are told apart`() throws {
        let decoded = Tx.decode(Self.message.raw, size: Self.message.count)
        let tx = try #require(decoded.value)
        #expect(decoded.status == .ok)
        #expect(tx.txid.description == "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609")
        #expect(
            tx.wtxid.description == "c36c38370907df2324d9ce9d149d191192f338b37665a82e78e76a12c909b762")
        #expect(tx.transaction.inputCount == 2)
        #expect(tx.transaction.outputCount == 2)
        #expect(tx.transaction.outputValue == 112_340_000 + 223_450_000)
        #expect(tx.transaction.hasWitness)
        #expect(!tx.transaction.isCoinbase)
        #expect(tx.transaction.lockTime == 17)
        #expect(tx.transaction.size == Self.message.count)
        #expect(tx.transaction.strippedSize == Self.message.count - 2 - 108)

        // The same transaction without its witness has the same txid, and that is its wtxid too.
        let stripped =
            Self.message[..<4] + Self.message[6..<Self.message.count - 4 - 108] + Self.message.suffix(4)
        let plain = Tx.decode([UInt8](stripped).raw, size: stripped.count)
        #expect(plain.status == .ok)
        #expect(plain.value?.txid == tx.txid)
        #expect(plain.value?.wtxid == tx.txid)
        #expect(tx.wtxid != tx.txid)
    }

    @Test(arguments: [
        // Bitcoin Core: "Superfluous witness record"
        "01000000 0001 01" + String(repeating: "00", count: 36) + "00 ffffffff 00 00 00000000",
        // Bitcoin Core: "Unknown transaction optional data"
        "01000000 0002 00 00 00000000",
        // A count that no message can hold
        "01000000 feffffffff",
        // A script longer than the message
        "01000000 01" + String(repeating: "00", count: 36) + "fd0010 00",
    ])
    func `what Core cannot deserialize is malformed`(hex: String) {
        let message = bytes(hex)
        let decoded = Tx.decode(message.raw, size: message.count)
        #expect(decoded.status == .malformed)
        #expect(decoded.value == nil)
    }

    @Test func `an unknown flag is malformed even where the transaction is cut behind it`() {
        let front = bytes("01000000 00 02")
        #expect(Tx.decode(front.raw, size: 1000).status == .malformed)
        let known = bytes("01000000 00 01")
        #expect(Tx.decode(known.raw, size: 1000).status == .truncated)
    }

    @Test func `its parts are handed out in order`() throws {
        let decoded = Tx.decode(Self.message.raw, size: Self.message.count)
        let transaction = try #require(decoded.value?.transaction)
        var inputs: [String] = []
        transaction.forEachInput(of: Self.message.raw) { input in
            inputs.append("\(input.outpoint.index) \(input.scriptSig.byteCount) \(input.sequence)")
        }
        #expect(inputs == ["0 73 4294967278", "1 0 4294967295"])
        var outputs: [String] = []
        transaction.forEachOutput(of: Self.message.raw) { output in
            outputs.append("\(output.value) \(output.scriptPubKey.byteCount)")
        }
        #expect(outputs == ["112340000 25", "223450000 25"])
        var witnesses: [[Int]] = []
        transaction.forEachWitness(of: Self.message.raw) { witness in
            var items: [Int] = []
            witness.forEachItem { items.append($0.byteCount) }
            #expect(items.count == witness.itemCount)
            witnesses.append(items)
        }
        #expect(witnesses == [[], [71, 33]])
    }

    @Test func `a transaction of nothing is well-formed`() {
        let message = bytes("01000000 00 00 00000000")
        let decoded = Tx.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.transaction.strippedSize == 10)
    }
}
