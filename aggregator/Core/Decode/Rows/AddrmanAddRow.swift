internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// An address offered to the new table of a patched node: `addrman:attempt_add`.
enum AddrmanAddRow {
    static let columns = ["inserted"] + AddrmanGoodRow.columns

    static func write(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let inserted = try body.u8() != 0
        let place = try AddrmanGoodRow.Place(batch, &body)
        rows.beginEvent(context, own: columns.count)
        rows.bool(inserted)
        place.write(batch, into: &rows)
    }
}
