internal import ByteCodec
internal import PostgreSQL

/// A coin added to, spent from or dropped from the coins cache: `utxocache:add`, `spent`, `uncache`.
enum UtxocacheChangeRow {
    static let columns = ["change", "txid", "vout", "height", "value", "coinbase"]

    static func write(
        _ context: EventContext, change: String, _ body: inout ByteReader, into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let txid = try body.bytes(32)
        let vout = Int64(clamping: try body.varint())
        let height = Int64(clamping: try body.varint())
        let value = try body.zigzag()
        let coinbase = try body.u8() != 0
        rows.beginEvent(context, own: columns.count)
        rows.verbatim(change)
        rows.bytea(txid)
        rows.int64(vout)
        rows.int64(height)
        rows.int64(value)
        rows.bool(coinbase)
    }
}
