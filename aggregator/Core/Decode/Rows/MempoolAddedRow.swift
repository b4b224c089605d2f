internal import ByteCodec
internal import PostgreSQL

/// A transaction that entered the mempool: `mempool:added`.
enum MempoolAddedRow {
    static let columns = ["txid", "vsize", "fee"]

    static func write(
        _ context: EventContext, _ body: inout ByteReader, into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let txid = try body.bytes(32)
        let vsize = Int32(clamping: try body.zigzag())
        let fee = try body.zigzag()
        rows.beginEvent(context, own: columns.count)
        rows.bytea(txid)
        rows.int32(vsize)
        rows.int64(fee)
    }
}
