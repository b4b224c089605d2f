internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL
internal import Tracepoints

extension BatchDecoder {
    /// The five connection tracepoints: a row, and what they say about the session.
    @_lifetime(body: copy body)
    func writeConnection(
        _ tracepoint: Tracepoint, _ context: EventContext, _ body: inout ByteReader,
        _ batch: borrowing BatchReader, _ day: EventBuffers.Day, _ state: StreamState
    ) throws(ByteCodecError) {
        var fields = ConnectionEventRow.Fields(peer: try body.zigzag())
        let event: String
        if tracepoint == .misbehavingConnection {
            fields.reason = try body.index()
            event = "misbehaving"
        } else {
            fields.addr = try body.index()
            fields.connectionType = try body.index()
            fields.network = try body.varint()
            switch tracepoint {
            case .inboundConnection, .outboundConnection:
                fields.connections = try body.varint()
                event = tracepoint == .inboundConnection ? "inbound" : "outbound"
            default:
                fields.connectedAt = try body.zigzag()
                event = tracepoint == .closedConnection ? "closed" : "evicted"
            }
        }
        ConnectionEventRow.write(context, event: event, fields, batch, into: &day[.connectionEvent])
        update(tracepoint, context, fields, batch, state)
    }

    private func update(
        _ tracepoint: Tracepoint, _ context: EventContext, _ fields: ConnectionEventRow.Fields,
        _ batch: borrowing BatchReader, _ state: StreamState
    ) {
        let session = state.session(SessionKey(run: context.run, peer: fields.peer))
        session.lastAt = max(session.lastAt ?? context.micros, context.micros)
        if session.addr == nil, let addr = fields.addr { session.addr = PeerText.escape(batch.string(addr)) }
        if let type = fields.connectionType, session.connectionType == nil {
            let text = PeerText.escape(batch.string(type))
            session.connectionType = text
            session.inbound = text == "inbound"
        }
        if let network = fields.network { session.network = ConnectionEventRow.networkName(network) }
        switch tracepoint {
        case .inboundConnection, .outboundConnection:
            session.openedAt = min(session.openedAt ?? context.micros, context.micros)
        case .evictedInboundConnection:
            session.evicted = true
        case .closedConnection:
            session.closedAt = context.micros
        case .misbehavingConnection:
            if let reason = fields.reason { session.misbehaviour = PeerText.escape(batch.string(reason)) }
        default: break
        }
    }
}
