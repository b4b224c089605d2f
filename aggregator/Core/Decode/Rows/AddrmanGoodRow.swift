internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// An address moved to the tried table of a patched node: `addrman:move_to_good`.
enum AddrmanGoodRow {
    static let columns = ["bucket", "position", "addr", "addr_as", "source", "source_as"]

    /// Where an address lies in the address manager's tables, and who told it.
    struct Place {
        let bucket: Int32
        let position: Int32
        let addr: Int
        let addrAS: Int64
        let source: Int
        let sourceAS: Int64

        @_lifetime(body: copy body)
        init(_ batch: borrowing BatchReader, _ body: inout ByteReader) throws(ByteCodecError) {
            bucket = Int32(clamping: try body.zigzag())
            position = Int32(clamping: try body.zigzag())
            addr = try body.index()
            addrAS = Int64(clamping: try body.varint())
            source = try body.index()
            sourceAS = Int64(clamping: try body.varint())
        }

        func write(_ batch: borrowing BatchReader, into rows: inout CopyBuffer) {
            rows.int32(bucket)
            rows.int32(position)
            rows.text(batch.string(addr))
            rows.int64(addrAS)
            rows.text(batch.string(source))
            rows.int64(sourceAS)
        }
    }

    static func write(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let place = try Place(batch, &body)
        rows.beginEvent(context, own: columns.count)
        place.write(batch, into: &rows)
    }
}
