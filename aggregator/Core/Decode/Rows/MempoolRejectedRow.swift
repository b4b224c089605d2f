internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// A transaction that the mempool refused: `mempool:rejected`.
enum MempoolRejectedRow {
    static let columns = ["txid", "reason"]

    /// Writes the row and gives the reason as a place in the batch's string table.
    static func write(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) -> Int {
        let txid = try body.bytes(32)
        let reason = try body.index()
        rows.beginEvent(context, own: columns.count)
        rows.bytea(txid)
        rows.text(batch.string(reason))
        return reason
    }
}
