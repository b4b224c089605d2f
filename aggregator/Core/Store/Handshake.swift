internal import BitcoinP2P
internal import PostgreSQL

/// What both sides of a session said of themselves before and beside the traffic: part of the row of
/// `peer_session`.
struct Handshake {
    var peerHeight: Int32?
    var peerRelay: Bool?
    var peerNonce: Int64?
    /// Seconds by which the time in the peer's `version` is ahead of the moment we took it up.
    var peerTime: Double?
    var ownUserAgent: String?
    var ownServices: Int64?
    var ownVersion: Int32?
    var ownHeight: Int32?
    var ownNonce: Int64?
    var wantsAddrV2 = false
    var wantsWtxid = false
    var wantsHeaders = false
    /// Whether the peer, and whether we, asked for compact blocks unannounced.
    var highBandwidthFromPeer: Bool?
    var highBandwidthToPeer: Bool?
    /// Satoshi per 1000 virtual bytes.
    var feeFilter: Int64?

    static let columns = [
        "peer_height", "peer_relay", "peer_nonce", "peer_time_s", "own_user_agent", "own_services",
        "own_version", "own_height", "own_nonce", "wants_addrv2", "wants_wtxid", "wants_headers",
        "hb_from_peer", "hb_to_peer", "fee_filter",
    ]

    init() {}

    /// The fields of a row, in the order of ``columns``.
    init(_ row: inout SelectedRow) {
        peerHeight = row.int32()
        peerRelay = row.bool()
        peerNonce = row.int64()
        peerTime = row.double()
        ownUserAgent = row.text()
        ownServices = row.int64()
        ownVersion = row.int32()
        ownHeight = row.int32()
        ownNonce = row.int64()
        wantsAddrV2 = row.bool() ?? false
        wantsWtxid = row.bool() ?? false
        wantsHeaders = row.bool() ?? false
        highBandwidthFromPeer = row.bool()
        highBandwidthToPeer = row.bool()
        feeFilter = row.int64()
    }

    func write(into rows: inout CopyBuffer) {
        rows.int32(peerHeight)
        rows.bool(peerRelay)
        rows.int64(peerNonce)
        rows.double(peerTime)
        rows.verbatim(ownUserAgent)
        rows.int64(ownServices)
        rows.int32(ownVersion)
        rows.int32(ownHeight)
        rows.int64(ownNonce)
        rows.bool(wantsAddrV2)
        rows.bool(wantsWtxid)
        rows.bool(wantsHeaders)
        rows.bool(highBandwidthFromPeer)
        rows.bool(highBandwidthToPeer)
        rows.int64(feeFilter)
    }
}

extension PeerSession {
    /// The peer's `version`, taken up at `micros`.
    func received(_ version: Version, userAgent agent: String?, at micros: Int64) {
        userAgent = agent
        services = Int64(bitPattern: version.services)
        protocolVersion = version.protocolVersion
        handshake.peerHeight = version.startHeight
        handshake.peerRelay = version.relay
        handshake.peerNonce = version.nonce.map { Int64(bitPattern: $0) }
        handshake.peerTime = Double(version.timestamp) - Double(micros) / 1e6
    }

    /// Our own `version` to the peer.
    func sent(_ version: Version, userAgent agent: String?) {
        handshake.ownUserAgent = agent
        handshake.ownServices = Int64(bitPattern: version.services)
        handshake.ownVersion = version.protocolVersion
        handshake.ownHeight = version.startHeight
        handshake.ownNonce = version.nonce.map { Int64(bitPattern: $0) }
    }

    /// We sent a ping: Core waits for the answer before it sends the next.
    func pinged(_ nonce: UInt64, at micros: Int64) {
        pingNonce = Int64(bitPattern: nonce)
        pingSentAt = micros
    }

    /// The peer answered a ping.
    func ponged(_ nonce: UInt64, at micros: Int64) {
        guard let sent = pingSentAt, pingNonce == Int64(bitPattern: nonce) else { return }
        pingNonce = nil
        pingSentAt = nil
        // A clock that was stepped between the two says nothing.
        if micros >= sent { minRoundTrip = min(minRoundTrip ?? .max, micros - sent) }
    }

    /// An entry of `inv` or `getdata` that names a transaction.
    func countTransaction(_ type: MessageType, inbound: Bool) {
        switch (type, inbound) {
        case (.inv, true): invIn += 1
        case (.inv, false): invOut += 1
        case (.getdata, true): getdataIn += 1
        case (.getdata, false): getdataOut += 1
        default: break
        }
    }
}
