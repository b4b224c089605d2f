import BitcoinP2P
import Testing

/// What a snaplen leaves of a message is read as far as it goes.
@Suite struct TruncationTests {
    @Test(arguments: MessageType.allCases)
    func `a message cut at any length is truncated and gives what stands before the cut`(type: MessageType) {
        let samples = Samples.ofEveryType.filter { $0.0 == type }
        #expect(!samples.isEmpty)
        for (_, message) in samples {
            let whole = MessageFields(type, message.raw, size: message.count).list.bytes
            var read = 0
            for length in 0..<message.count {
                let prefix = [UInt8](message.prefix(length))
                let cut = MessageFields(type, prefix.raw, size: message.count, withLine: false)
                #expect(cut.status == .truncated, "\(type) cut at \(length)")
                let bytes = cut.list.bytes
                // Never more than was captured, and never less than of a shorter capture.
                #expect(bytes.count <= length && bytes.count >= read, "\(type) cut at \(length)")
                if bytes.count != read {
                    #expect(whole.starts(with: bytes), "\(type) cut at \(length): \(bytes.hexDigits)")
                }
                read = bytes.count
            }
        }
    }

    @Test(arguments: MessageType.allCases)
    func `a message that ends early is malformed`(type: MessageType) {
        for (_, message) in Samples.ofEveryType where type.status(of: message) == .ok {
            for length in 0..<message.count {
                let status = type.status(of: [UInt8](message.prefix(length)))
                // All behind a version's first address may be missing, if it is missing from some field on.
                let isShortVersion = type == .version && length >= 46
                #expect(status == .malformed || isShortVersion, "\(type) ends at \(length): \(status)")
            }
        }
    }

    @Test(arguments: MessageType.allCases)
    func `bytes behind a message are trailing, and change nothing`(type: MessageType) {
        for (_, message) in Samples.ofEveryType where type.status(of: message) == .ok {
            let longer = message + [0xfd]
            // Whatever stands behind a version's first address is read as its next field.
            guard type != .version || message.count > 46 else { continue }
            let fields = MessageFields(type, longer.raw, size: longer.count)
            #expect(fields.status == .trailing || type == .version, "\(type)")
            #expect(fields.list.bytes.starts(with: message), "\(type)")
        }
    }

    @Test(arguments: MessageType.allCases)
    func `a message larger than the protocol allows is malformed, and nothing of it is read`(
        type: MessageType
    ) {
        for (_, message) in Samples.ofEveryType {
            let most = MessageFields(type, message.raw, size: maximumPayload)
            #expect(most.status == .truncated || most.status == .malformed)
            let more = MessageFields(type, message.raw, size: maximumPayload + 1)
            #expect(more.status == .malformed)
            #expect(more.list.bytes.isEmpty)
            #expect(type.status(of: message, size: .max) == .malformed)
        }
    }

    @Test func `the mainnet block cut at some thousand places gives each whole transaction before the cut`() {
        let payload = MainnetBlock.payload
        var ends: [Int] = [83]
        _ = Block.forEachTransaction(payload.raw, size: payload.count) { _, transaction, _ in
            ends.append(ends[ends.count - 1] + transaction.size)
        }
        #expect(ends.last == payload.count)
        // Before, at and behind the end of each transaction.
        for (index, end) in ends.dropLast().enumerated() {
            for length in [end - 1, end, end + 1] where index < 50 || index % 50 == 0 {
                var delivered = 0
                let decoded = Block.forEachTransaction(
                    payload.raw.extracting(first: length), size: payload.count
                ) { _, _, _ in delivered += 1 }
                #expect(decoded.status == .truncated)
                #expect(delivered == max(0, length < end ? index - 1 : index))
            }
        }
    }
}
