internal import ByteCodec

/// `blocktxn`: the transactions that a `getblocktxn` asked for (BIP152).
public struct BlockTransactions: Sendable, Hashable {
    /// The block.
    public let blockHash: Hash256
    /// Transactions in the message; nil where the capture is cut before the count.
    public private(set) var transactionCount: Int?

    /// Decodes the captured part of a `blocktxn` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<BlockTransactions> {
        forEachTransaction(payload, size: size) { _, _, _ in }
    }

    /// Decodes a `blocktxn` and hands each complete transaction to `body` with its place in the message and
    /// its bytes, in order.
    ///
    /// The message is read in one pass: transactions before a malformed one are delivered.
    public static func forEachTransaction(
        _ payload: RawSpan, size: Int, _ body: (Int, Transaction, RawSpan) -> Void
    ) -> Decoded<BlockTransactions> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var message: BlockTransactions?
        do {
            message = BlockTransactions(blockHash: try Hash256(reading: &reader))
            let count = Int(
                try reader.minimalCompactSize(limit: UInt64(CompactBlock.maximumTransactions)))
            message?.transactionCount = count
            for index in 0..<count {
                let start = reader.offset
                let transaction = try Transaction(reading: &reader)
                body(index, transaction, payload.extracting(start..<reader.offset))
            }
            return Decoded(message, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(message, extent.status(after: error))
        }
    }

    private init(blockHash: Hash256) { self.blockHash = blockHash }
}
