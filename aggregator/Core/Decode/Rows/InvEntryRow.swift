internal import BitcoinP2P
internal import PostgreSQL

/// One entry of `inv`, `getdata` or `notfound`.
enum InvEntryRow {
    static let columns = ["peer_id", "inbound", "msg_type", "inv_type", "hash"]

    static func write(
        _ context: EventContext, _ message: borrowing Message, _ entry: InventoryEntry,
        into rows: inout CopyBuffer
    ) {
        rows.beginEvent(context, own: columns.count)
        rows.int64(message.peer)
        rows.bool(message.inbound)
        rows.text(message.type)
        rows.int64(Int64(entry.kind.rawValue))
        rows.bytea(entry.hash.bytes)
    }
}
