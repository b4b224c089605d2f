internal import BitcoinP2P
internal import ByteCodec
internal import PostgreSQL

/// One entry of `addr` or `addrv2`.
enum AddrEntryRow {
    static let columns = [
        "peer_id", "inbound", "msg_type", "class", "network", "addr", "port", "services", "announced_at",
    ]

    /// Writes the row; `scratch` is overwritten with the address as text.
    static func write(
        _ context: EventContext, _ message: borrowing Message, _ entry: AddressEntry,
        _ addressClass: AddressClass?, scratch: inout ByteWriter, into rows: inout CopyBuffer
    ) {
        scratch.removeAll()
        entry.address.writeText(into: &scratch)
        rows.beginEvent(context, own: columns.count)
        rows.int64(message.peer)
        rows.bool(message.inbound)
        rows.text(message.type)
        rows.verbatim(addressClass?.rawValue)
        rows.verbatim(entry.address.network.name)
        rows.text(scratch.bytes.span.raw)
        rows.int32(Int32(entry.address.port))
        rows.int64(bits: entry.services)
        rows.timestamp(unixMicroseconds: microseconds(ofSeconds: UInt64(entry.announcedAt)))
    }
}
