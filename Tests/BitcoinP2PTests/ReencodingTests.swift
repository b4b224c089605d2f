import BitcoinP2P
import Testing

/// The typed values hold all there is in a message: written out again they are the same bytes.
@Suite struct ReencodingTests {
    @Test(arguments: [Capture.regtest6, .addrman4])
    func `every well-formed captured message comes out as it went in`(capture: Capture) {
        var same: [String: Int] = [:]
        for message in capture.messages {
            guard let type = MessageType(name: message.name) else { continue }
            let fields = MessageFields(type, message.payload.raw, size: message.payload.count)
            guard fields.status == .ok else { continue }
            if fields.list.bytes == message.payload {
                same[message.name, default: 0] += 1
            } else {
                Issue.record("\(message.name) \(message.payload.hexDigits) \(fields.list.bytes.hexDigits)")
            }
        }
        // All but one message each of three malformed types and one of an unknown type.
        #expect(same.values.reduce(0, +) == capture.messages.count - 4)
        #expect(same.count == 28)
    }

    @Test func `so does the mainnet block`() {
        let payload = MainnetBlock.payload
        let fields = MessageFields(.block, payload.raw, size: payload.count)
        #expect(fields.status == .ok)
        #expect(fields.list.bytes == payload)
    }

    @Test(arguments: MessageVector.all)
    func `so does a message in annotated hex, but for bytes behind it`(vector: MessageVector) {
        let fields = MessageFields(vector.type, vector.payload.raw, size: vector.payload.count)
        #expect(fields.status == .ok || fields.status == .trailing)
        #expect(vector.payload.starts(with: fields.list.bytes))
        #expect((fields.list.bytes.count == vector.payload.count) == (fields.status == .ok))
    }
}
