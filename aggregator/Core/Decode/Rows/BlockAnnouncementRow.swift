internal import BitcoinP2P
internal import PostgreSQL

/// A block named or carried by `inv`, `headers`, `cmpctblock`, `getdata`, `getblocktxn`, `blocktxn` or `block`.
enum BlockAnnouncementRow {
    static let columns = [
        "peer_id", "inbound", "msg_type", "hash", "entries", "prefilled", "short_ids", "requested", "size",
        "tid",
    ]

    /// The numbers that some of the messages give.
    struct Numbers {
        /// Entries of the whole message, for `inv`, `getdata` and `headers`.
        var entries: Int?
        /// Transactions inside a `cmpctblock`.
        var prefilled: Int?
        /// Short ids of a `cmpctblock`.
        var shortIDs: Int?
        /// Indexes of a `getblocktxn`, transactions of a `blocktxn`.
        var requested: Int?
    }

    static func write(
        _ context: EventContext, _ message: borrowing Message, _ hash: Hash256, _ numbers: Numbers,
        into rows: inout CopyBuffer
    ) {
        rows.beginEvent(context, own: columns.count)
        rows.int64(message.peer)
        rows.bool(message.inbound)
        rows.text(message.type)
        rows.bytea(hash.bytes)
        rows.int32(numbers.entries.map { Int32(clamping: $0) })
        rows.int32(numbers.prefilled.map { Int32(clamping: $0) })
        rows.int32(numbers.shortIDs.map { Int32(clamping: $0) })
        rows.int32(numbers.requested.map { Int32(clamping: $0) })
        rows.int32(Int32(clamping: message.size))
        rows.int32(context.tid)
    }
}
