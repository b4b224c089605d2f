internal import PostgreSQL

/// A `ping` or `pong` with its nonce.
enum PingEventRow {
    static let columns = ["peer_id", "inbound", "msg_type", "nonce"]

    static func write(
        _ context: EventContext, _ message: borrowing Message, nonce: UInt64, into rows: inout CopyBuffer
    ) {
        rows.beginEvent(context, own: columns.count)
        rows.int64(message.peer)
        rows.bool(message.inbound)
        rows.text(message.type)
        rows.int64(bits: nonce)
    }
}
