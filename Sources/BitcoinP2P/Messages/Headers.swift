internal import ByteCodec

/// `headers`: block headers in chain order, each followed by an empty transaction count (BIP130; Bitcoin
/// Core's net_processing.cpp).
public enum Headers {
    /// Most headers in one message (`MAX_HEADERS_RESULTS` in Bitcoin Core).
    public static let maximumEntries = 2000

    /// Hands each header of a message of `size` bytes to `body`, in order.
    ///
    /// A header with a transaction count other than 0 makes the message malformed.
    public static func forEach(
        _ payload: RawSpan, size: Int, _ body: (BlockHeader) -> Void
    ) -> Delivery {
        let list = FixedList(
            payload, size: size, limit: maximumEntries, entryBytes: BlockHeader.byteCount + 1)
        var check = list.reader
        for _ in 0..<list.complete {
            guard (try? check.skip(BlockHeader.byteCount)) != nil, (try? check.u8()) == 0 else {
                return Delivery(declared: list.delivery.declared, delivered: 0, status: .malformed)
            }
        }
        var reader = list.reader
        for _ in 0..<list.complete {
            guard let header = try? BlockHeader(reading: &reader), (try? reader.skip(1)) != nil else { break }
            body(header)
        }
        return list.delivery
    }
}
