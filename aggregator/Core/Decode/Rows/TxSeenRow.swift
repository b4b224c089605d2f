internal import BitcoinP2P
internal import PostgreSQL

/// A transaction seen whole, in `tx` or `blocktxn`: its two ids.
enum TxSeenRow {
    static let columns = ["peer_id", "inbound", "msg_type", "txid", "wtxid", "size", "vsize"]

    static func write(
        _ context: EventContext, _ message: borrowing Message, _ tx: Tx, into rows: inout CopyBuffer
    ) {
        rows.beginEvent(context, own: columns.count)
        rows.int64(message.peer)
        rows.bool(message.inbound)
        rows.text(message.type)
        rows.bytea(tx.txid.bytes)
        rows.bytea(tx.wtxid.bytes)
        rows.int32(Int32(clamping: tx.transaction.size))
        rows.int32(Int32(clamping: tx.transaction.virtualSize))
    }
}
