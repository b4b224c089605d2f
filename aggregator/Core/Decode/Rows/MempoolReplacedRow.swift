internal import ByteCodec
internal import PostgreSQL

/// A transaction replaced in the mempool: `mempool:replaced`, with seven or eight arguments.
enum MempoolReplacedRow {
    static let columns = [
        "old_txid", "old_vsize", "old_fee", "old_entry_time", "new_id",
        "new_vsize", "new_fee", "new_is_txid",
    ]

    static func write(
        _ context: EventContext, isTxidKnown: Bool, _ body: inout ByteReader, into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let oldTxid = try body.bytes(32)
        let oldVsize = Int32(clamping: try body.zigzag())
        let oldFee = try body.zigzag()
        let oldEntry = try body.varint()
        let newID = try body.bytes(32)
        let newVsize = Int32(clamping: try body.zigzag())
        let newFee = try body.zigzag()
        let isTxid: Bool? = isTxidKnown ? try body.u8() != 0 : nil
        rows.beginEvent(context, own: columns.count)
        rows.bytea(oldTxid)
        rows.int32(oldVsize)
        rows.int64(oldFee)
        rows.timestamp(unixMicroseconds: microseconds(ofSeconds: oldEntry))
        rows.bytea(newID)
        rows.int32(newVsize)
        rows.int64(newFee)
        rows.bool(isTxid)
    }
}
