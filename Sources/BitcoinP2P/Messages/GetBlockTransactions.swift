internal import ByteCodec

/// `getblocktxn`: asks for transactions of a block that a compact block left out (BIP152).
public struct GetBlockTransactions: Sendable, Hashable {
    /// The block.
    public let blockHash: Hash256
    /// Transactions asked for; nil where the capture is cut before the count.
    public private(set) var indexCount: Int?

    /// Decodes the captured part of a `getblocktxn` of `size` bytes and hands each index to `body`, in
    /// ascending order. A malformed message delivers none.
    public static func decode(
        _ payload: RawSpan, size: Int, _ body: (UInt16) -> Void = { _ in }
    ) -> Decoded<GetBlockTransactions> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var request: GetBlockTransactions?
        var complete = 0
        var status: DecodeStatus
        var list = reader
        do {
            request = GetBlockTransactions(blockHash: try Hash256(reading: &reader))
            let count = Int(
                try reader.minimalCompactSize(limit: UInt64(CompactBlock.maximumTransactions)))
            request?.indexCount = count
            list = reader
            var indexes = DifferentialIndexes()
            while complete < count {
                _ = try indexes.next(&reader, limit: 65_535)
                complete += 1
            }
            status = extent.status(remaining: reader.remaining)
        } catch {
            status = extent.status(after: error)
        }
        if status != .malformed {
            var indexes = DifferentialIndexes()
            for _ in 0..<complete {
                guard let index = try? indexes.next(&list, limit: 65_535) else { break }
                body(UInt16(index))
            }
        }
        return Decoded(request, status)
    }

    private init(blockHash: Hash256) { self.blockHash = blockHash }
}
