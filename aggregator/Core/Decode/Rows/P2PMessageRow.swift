internal import ByteCodec
internal import PostgreSQL

/// A P2P message that a node took up or queued: `net:inbound_message`, `net:outbound_message`.
enum P2PMessageRow {
    static let columns = [
        "peer_id", "inbound", "msg_type", "size", "captured", "decode_status", "conn_type", "addr", "tid",
        "payload",
    ]

    static func write(
        _ context: EventContext, _ message: borrowing Message, status: String, keepPayload: Bool,
        into rows: inout CopyBuffer
    ) {
        rows.beginEvent(context, own: columns.count)
        rows.int64(message.peer)
        rows.bool(message.inbound)
        rows.text(message.type)
        rows.int32(Int32(clamping: message.size))
        rows.int32(Int32(clamping: message.payload.byteCount))
        rows.verbatim(status)
        rows.text(message.connectionType)
        rows.text(message.addr)
        rows.int32(context.tid)
        if keepPayload { rows.bytea(message.payload) } else { rows.null() }
    }
}
