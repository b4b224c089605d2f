internal import BitcoinP2P
internal import PostgreSQL

/// A peer of one process, by Core's number, which is unique only inside the process.
struct SessionKey: Hashable, Comparable {
    let run: Int64
    let peer: Int64

    static func < (one: SessionKey, other: SessionKey) -> Bool {
        (one.run, one.peer) < (other.run, other.peer)
    }
}

/// One connection of one process: the row of `peer_session`, as it is after the last event applied.
///
/// It is a cache of the row and nothing else: every rule reads and writes only what the row holds, so that a
/// writer that starts anew goes on exactly where the last transaction ended.
final class PeerSession {
    let key: SessionKey
    var addr: String?
    var network: String?
    var connectionType: String?
    var inbound: Bool?
    var openedAt: Int64?
    var handshakedAt: Int64?
    var closedAt: Int64?
    var evicted = false
    var misbehaviour: String?
    var userAgent: String?
    var services: Int64?
    var protocolVersion: Int32?
    var getaddrOutstanding = false
    var addrMessagesIn: Int32 = 0
    var addrTokens: Double?
    var addrTokensAt: Int64?
    var messagesIn: Int64 = 0
    var messagesOut: Int64 = 0
    var bytesIn: Int64 = 0
    var bytesOut: Int64 = 0
    var lastAt: Int64?
    var handshake = Handshake()
    /// Entries of inv and getdata that name transactions, and tx messages.
    var invIn: Int64 = 0
    var invOut: Int64 = 0
    var getdataIn: Int64 = 0
    var getdataOut: Int64 = 0
    var txIn: Int64 = 0
    var txOut: Int64 = 0
    /// Our ping that has no answer yet.
    var pingNonce: Int64?
    var pingSentAt: Int64?
    var minRoundTrip: Int64?
    /// Whether the row in the database differs.
    var isDirty = true
    /// What ``addr`` reads as, unless it is a name.
    private(set) lazy var address = addr.flatMap { PeerAddress($0).address }
    private lazy var netgroup = address?.netgroup
    private lazy var group24 = address?.group24

    init(_ key: SessionKey) { self.key = key }

    /// The columns in the order of ``init(row:)`` and ``write(node:into:)``; times as PostgreSQL gives them.
    static let columns =
        [
            "node_id", "run_id", "peer_id", "addr", "network", "conn_type", "inbound", "opened_at",
            "handshaked_at", "closed_at", "evicted", "misbehaviour", "user_agent", "services",
            "protocol_version", "getaddr_outstanding", "addr_messages_in", "addr_tokens", "addr_tokens_at",
            "msgs_in", "msgs_out", "bytes_in", "bytes_out", "last_ts", "inv_in", "inv_out", "getdata_in",
            "getdata_out", "tx_in", "tx_out", "ping_nonce", "ping_sent_at", "min_rtt_us",
        ] + Handshake.columns + ["netgroup", "group24"]

    /// What to select so that ``init(row:)`` can read it.
    static let selection = columns.dropFirst().map { column in
        column.hasSuffix("_at") || column == "last_ts" ? "peerscope.unix_us(\(column))" : column
    }.joined(separator: ", ")

    /// The session of a row selected as ``selection``.
    convenience init(row: [String?]) {
        var row = SelectedRow(row)
        self.init(SessionKey(run: row.int64() ?? 0, peer: row.int64() ?? 0))
        addr = row.text()
        network = row.text()
        connectionType = row.text()
        inbound = row.bool()
        openedAt = row.int64()
        handshakedAt = row.int64()
        closedAt = row.int64()
        evicted = row.bool() ?? false
        misbehaviour = row.text()
        userAgent = row.text()
        services = row.int64()
        protocolVersion = row.int32()
        getaddrOutstanding = row.bool() ?? false
        addrMessagesIn = row.int32() ?? 0
        addrTokens = row.double()
        addrTokensAt = row.int64()
        messagesIn = row.int64() ?? 0
        messagesOut = row.int64() ?? 0
        bytesIn = row.int64() ?? 0
        bytesOut = row.int64() ?? 0
        lastAt = row.int64()
        invIn = row.int64() ?? 0
        invOut = row.int64() ?? 0
        getdataIn = row.int64() ?? 0
        getdataOut = row.int64() ?? 0
        txIn = row.int64() ?? 0
        txOut = row.int64() ?? 0
        pingNonce = row.int64()
        pingSentAt = row.int64()
        minRoundTrip = row.int64()
        handshake = Handshake(&row)
        isDirty = false
    }

    /// Appends the row.
    func write(node: Int32, into rows: inout CopyBuffer) {
        rows.beginRow(columns: Int16(Self.columns.count))
        rows.int32(node)
        rows.int64(key.run)
        rows.int64(key.peer)
        rows.verbatim(addr)
        rows.verbatim(network)
        rows.verbatim(connectionType)
        rows.bool(inbound)
        rows.timestamp(unixMicroseconds: openedAt)
        rows.timestamp(unixMicroseconds: handshakedAt)
        rows.timestamp(unixMicroseconds: closedAt)
        rows.bool(evicted)
        rows.verbatim(misbehaviour)
        rows.verbatim(userAgent)
        rows.int64(services)
        rows.int32(protocolVersion)
        rows.bool(getaddrOutstanding)
        rows.int32(addrMessagesIn)
        rows.double(addrTokens)
        rows.timestamp(unixMicroseconds: addrTokensAt)
        rows.int64(messagesIn)
        rows.int64(messagesOut)
        rows.int64(bytesIn)
        rows.int64(bytesOut)
        rows.timestamp(unixMicroseconds: lastAt)
        rows.int64(invIn)
        rows.int64(invOut)
        rows.int64(getdataIn)
        rows.int64(getdataOut)
        rows.int64(txIn)
        rows.int64(txOut)
        rows.int64(pingNonce)
        rows.timestamp(unixMicroseconds: pingSentAt)
        rows.int64(minRoundTrip)
        handshake.write(into: &rows)
        // Of the address, so they need not be read back.
        rows.verbatim(netgroup)
        rows.verbatim(group24)
    }
}
