import BitcoinP2P
import Testing

@Suite struct InventoryTests {
    @Test func `entries carry kind and hash`() throws {
        let message = bytes(
            """
            02
            02000000                      // a block
            616ce5977a11e115287ad9db4bf859fde7685f5ce68e32ddbe91ca9b76fc8e13
            01000040                      // a transaction with its witness
            7019fa731232a62df1b1d80d0b9f528d9411230ed301627af5fcf181bf790257
            """)
        var entries: [InventoryEntry] = []
        let delivery = Inventory.forEach(message.raw, size: message.count) { entries.append($0) }
        #expect(delivery.status == .ok)
        try #require(entries.count == 2)
        #expect(entries[0].kind == .block)
        #expect(entries[0].kind.isBlock && !entries[0].kind.isTransaction)
        #expect(
            entries[0].hash.wireHex == "616ce5977a11e115287ad9db4bf859fde7685f5ce68e32ddbe91ca9b76fc8e13")
        #expect(
            entries[0].hash.description == "138efc769bca91bedd328ee65c5f68e7fd59f84bdbd97a2815e1117a97e56c61")
        #expect(entries[1].kind.rawValue == 0x4000_0001)
        #expect(entries[1].kind.withoutWitness == .tx)
        #expect(entries[1].kind.isTransaction)
    }

    @Test func `50 000 entries are taken, one more is malformed`() {
        let most = bytes("fd50c3") + repeated(7, 36 * 50_000)
        var calls = 0
        #expect(Inventory.forEach(most.raw, size: most.count) { _ in calls += 1 }.status == .ok)
        #expect(calls == 50_000)
        let more = bytes("fd51c3") + repeated(7, 36 * 50_001)
        let delivery = Inventory.forEach(more.raw, size: more.count) { _ in Issue.record("delivered") }
        #expect(delivery.status == .malformed)
        #expect(delivery.declared == 50_001)
    }

    @Test func `a count that the message cannot hold is malformed even where it is cut`() {
        let message = bytes("fd50c3 01000000")
        #expect(Inventory.forEach(message.raw, size: 100) { _ in }.status == .malformed)
    }

    @Test func `a list cut by the snaplen delivers its whole entries`() {
        let captured = bytes("fd50c3") + repeated(7, 36 * 10 + 35)
        let delivery = Inventory.forEach(captured.raw, size: 3 + 36 * 50_000) { _ in }
        #expect(delivery.status == .truncated)
        #expect(delivery.declared == 50_000)
        #expect(delivery.delivered == 10)
    }
}
