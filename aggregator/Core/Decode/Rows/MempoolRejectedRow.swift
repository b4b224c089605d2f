internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// A transaction that the mempool refused: `mempool:rejected`.
enum MempoolRejectedRow {
    static let columns = ["txid", "reason"]

    static func write(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let txid = try body.bytes(32)
        let reason = batch.string(try body.index())
        rows.beginEvent(context, own: columns.count)
        rows.bytea(txid)
        rows.text(reason)
    }
}
