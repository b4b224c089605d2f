internal import ByteCodec
internal import PostgreSQL

/// A flush of the coins cache: `utxocache:flush`.
enum UtxocacheFlushRow {
    static let columns = ["duration_us", "mode", "coins", "bytes", "for_prune"]

    static func write(
        _ context: EventContext, _ body: inout ByteReader, into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let duration = try body.zigzag()
        let mode = Int32(clamping: try body.varint())
        let coins = Int64(clamping: try body.varint())
        let bytes = Int64(clamping: try body.varint())
        let forPrune = try body.u8() != 0
        rows.beginEvent(context, own: columns.count)
        rows.int64(duration)
        rows.int32(mode)
        rows.int64(coins)
        rows.int64(bytes)
        rows.bool(forPrune)
    }
}
