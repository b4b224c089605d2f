internal import ByteCodec

/// `block`: a whole block (BIP144; Bitcoin Core's primitives/block.h).
///
/// The header alone is enough for the hash; what lies behind it is nil where the capture is cut.
public struct Block: Sendable, Hashable {
    /// The header, and with it the hash.
    public let header: BlockHeader
    /// Transactions in the block.
    public private(set) var transactionCount: Int?
    /// What the first transaction says.
    public private(set) var coinbase: Coinbase?

    /// The block's height (BIP34), where the coinbase was captured.
    public var height: Int? { coinbase?.height(version: header.version) }

    /// Decodes the captured part of a `block` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Block> {
        forEachTransaction(payload, size: size) { _, _, _ in }
    }

    /// Decodes a `block` and hands each complete transaction to `body` with its index and bytes, in order.
    ///
    /// Unlike lists, a block is read in one pass: transactions before a malformed one are delivered.
    public static func forEachTransaction(
        _ payload: RawSpan, size: Int, _ body: (Int, Transaction, RawSpan) -> Void
    ) -> Decoded<Block> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var block: Block?
        do {
            var fields = Block(header: try BlockHeader(reading: &reader))
            block = fields
            let count = Int(try reader.minimalCompactSize(limit: maximumLength))
            fields.transactionCount = count
            if count > 0 { fields.coinbase = Coinbase(peeking: reader) }
            block = fields
            for index in 0..<count {
                let start = reader.offset
                let transaction = try Transaction(reading: &reader)
                body(index, transaction, payload.extracting(start..<reader.offset))
            }
            return Decoded(block, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(block, extent.status(after: error))
        }
    }

    private init(header: BlockHeader) { self.header = header }
}
