internal import BitcoinP2P
internal import ByteCodec
internal import PostgreSQL

/// A transaction that entered the mempool: `mempool:added`.
enum MempoolAddedRow {
    static let columns = ["txid", "vsize", "fee"]

    /// Writes the row and gives what it says.
    static func write(
        _ context: EventContext, _ body: inout ByteReader, into rows: inout CopyBuffer
    ) throws(ByteCodecError) -> (txid: Hash256, vsize: Int32, fee: Int64) {
        let txid = try Hash256(reading: &body)
        let vsize = Int32(clamping: try body.zigzag())
        let fee = try body.zigzag()
        rows.beginEvent(context, own: columns.count)
        rows.bytea(txid.bytes)
        rows.int32(vsize)
        rows.int64(fee)
        return (txid, vsize, fee)
    }
}
