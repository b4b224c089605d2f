internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// A connection made, evicted or closed, or a peer that misbehaved: five tracepoints of provider `net`.
enum ConnectionEventRow {
    static let columns = [
        "event", "peer_id", "addr", "conn_type", "network", "connections", "connected_at", "reason",
    ]

    /// What is known of a connection, with places in the batch's string table.
    struct Fields {
        var peer: Int64
        var addr: Int?
        var connectionType: Int?
        var network: UInt64?
        var connections: UInt64?
        /// Seconds since 1970.
        var connectedAt: Int64?
        var reason: Int?
    }

    static func write(
        _ context: EventContext, event: String, _ fields: Fields, _ batch: borrowing BatchReader,
        into rows: inout CopyBuffer
    ) {
        rows.beginEvent(context, own: columns.count)
        rows.verbatim(event)
        rows.int64(fields.peer)
        if let addr = fields.addr { rows.text(batch.string(addr)) } else { rows.null() }
        if let type = fields.connectionType { rows.text(batch.string(type)) } else { rows.null() }
        rows.verbatim(fields.network.map(networkName))
        rows.int64(fields.connections.map { Int64(clamping: $0) })
        rows.timestamp(
            unixMicroseconds: fields.connectedAt.map { microseconds(ofSeconds: UInt64(clamping: $0)) })
        if let reason = fields.reason { rows.text(batch.string(reason)) } else { rows.null() }
    }

    /// Core's `Network` as the tracepoints number it.
    static func networkName(_ number: UInt64) -> String {
        switch number {
        case 0: "unroutable"
        case 1: "ipv4"
        case 2: "ipv6"
        case 3: "onion"
        case 4: "i2p"
        case 5: "cjdns"
        default: "unknown-\(number)"
        }
    }
}
