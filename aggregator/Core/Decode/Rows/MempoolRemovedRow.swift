internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// A transaction that left the mempool: `mempool:removed`.
enum MempoolRemovedRow {
    static let columns = ["txid", "reason", "vsize", "fee", "entry_time"]

    /// Writes the row and says whether a block took the transaction.
    static func write(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) -> Bool {
        let txid = try body.bytes(32)
        let reason = batch.string(try body.index())
        let vsize = Int32(clamping: try body.zigzag())
        let fee = try body.zigzag()
        let entry = try body.varint()
        rows.beginEvent(context, own: columns.count)
        rows.bytea(txid)
        rows.text(reason)
        rows.int32(vsize)
        rows.int64(fee)
        rows.timestamp(unixMicroseconds: microseconds(ofSeconds: entry))
        return reason.isText("block")
    }
}
