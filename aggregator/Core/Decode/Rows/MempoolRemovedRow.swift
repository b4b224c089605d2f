internal import BitcoinP2P
internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// A transaction that left the mempool: `mempool:removed`.
enum MempoolRemovedRow {
    static let columns = ["txid", "reason", "vsize", "fee", "entry_time"]

    /// Writes the row and gives the transaction, and why it left as a place in the batch's string table.
    static func write(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) -> (txid: Hash256, reason: Int) {
        let txid = try Hash256(reading: &body)
        let reason = try body.index()
        let vsize = Int32(clamping: try body.zigzag())
        let fee = try body.zigzag()
        let entry = try body.varint()
        rows.beginEvent(context, own: columns.count)
        rows.bytea(txid.bytes)
        rows.text(batch.string(reason))
        rows.int32(vsize)
        rows.int64(fee)
        rows.timestamp(unixMicroseconds: microseconds(ofSeconds: entry))
        return (txid, reason)
    }
}
