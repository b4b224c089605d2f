internal import ByteCodec

/// `cmpctblock`: a block as short transaction ids, with some transactions in full (BIP152, version 2).
///
/// Behind the header, fields are nil where the capture is cut.
public struct CompactBlock: Sendable, Hashable {
    /// Bytes of a short transaction id.
    public static let shortIDBytes = 6
    /// Most transactions of a compact block: indexes have 16 bits.
    public static let maximumTransactions = 65_535

    /// The header, and with it the hash.
    public let header: BlockHeader
    /// Salt of the short ids.
    public private(set) var nonce: UInt64?
    /// Transactions given by short id.
    public private(set) var shortIDCount: Int?
    /// Transactions given in full.
    public private(set) var prefilledCount: Int?
    /// What the first transaction says, where it is among those given in full.
    public private(set) var coinbase: Coinbase?

    /// The block's height (BIP34), where the coinbase was given and captured.
    public var height: Int? { coinbase?.height(version: header.version) }
    /// Transactions in the block.
    public var transactionCount: Int? {
        guard let shortIDCount, let prefilledCount else { return nil }
        return shortIDCount + prefilledCount
    }

    /// Decodes the captured part of a `cmpctblock` of `size` bytes.
    ///
    /// Malformed, beside bytes that do not add up, are a block without transactions, more than
    /// ``maximumTransactions``, and an index behind the end of the block (Bitcoin Core's
    /// `PartiallyDownloadedBlock::InitData`).
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<CompactBlock> {
        read(payload, size: size, shortIDs: { _ in }, prefilled: { _, _, _ in })
    }

    /// Decodes a `cmpctblock`; hands each short id to `shortID`, and then each transaction given in full to
    /// `prefilled`, with its place in the block and its bytes.
    ///
    /// The message is read in one pass: what stands before a malformed part is delivered.
    public static func forEach(
        _ payload: RawSpan, size: Int, shortID: (UInt64) -> Void,
        prefilled body: (Int, Transaction, RawSpan) -> Void
    ) -> Decoded<CompactBlock> {
        read(
            payload, size: size,
            shortIDs: { ids in
                var reader = ByteReader(ids)
                while let low = try? reader.u32(), let high = try? reader.u16() {
                    shortID(UInt64(low) | UInt64(high) << 32)
                }
            }, prefilled: body)
    }

    /// Decodes a `cmpctblock`; hands the short ids that were captured to `shortIDs`, all at once, since most who
    /// decode one step over them.
    private static func read(
        _ payload: RawSpan, size: Int, shortIDs: (RawSpan) -> Void,
        prefilled body: (Int, Transaction, RawSpan) -> Void
    ) -> Decoded<CompactBlock> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var block: CompactBlock?
        do {
            var fields = CompactBlock(header: try BlockHeader(reading: &reader))
            block = fields
            fields.nonce = try reader.u64()
            block = fields
            let short = Int(try reader.minimalCompactSize(limit: UInt64(maximumTransactions)))
            fields.shortIDCount = short
            block = fields
            let complete = min(short, reader.remaining / shortIDBytes)
            shortIDs(try reader.bytes(complete * shortIDBytes))
            // Fails, and tells why, unless all of them were there.
            try reader.skip((short - complete) * shortIDBytes)
            let prefilled = Int(try reader.minimalCompactSize(limit: UInt64(maximumTransactions - short)))
            guard short + prefilled > 0 else { return Decoded(nil, .malformed) }
            fields.prefilledCount = prefilled
            block = fields
            var indexes = DifferentialIndexes()
            for position in 0..<prefilled {
                // An index may not leave more places before it than there are short ids to fill them.
                let index = try indexes.next(&reader, limit: short + position)
                if index == 0 {
                    fields.coinbase = Coinbase(peeking: reader)
                    block = fields
                }
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
