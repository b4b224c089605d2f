internal import PostgreSQL

/// The event tables, partitioned by UTC day.
enum EventTable: Int, CaseIterable {
    case p2pMessage, connectionEvent, addrEntry, invEntry, blockAnnouncement, blockConnected
    case mempoolAdded, mempoolRemoved, mempoolReplaced, mempoolRejected
    case utxocacheFlush, utxocacheChange, coinSelection, addrmanAdd, addrmanGood
    case tracepointCount, pingEvent, txSeen

    /// Its name in schema `peerscope`.
    var name: String {
        switch self {
        case .p2pMessage: "p2p_message"
        case .connectionEvent: "connection_event"
        case .addrEntry: "addr_entry"
        case .invEntry: "inv_entry"
        case .blockAnnouncement: "block_announcement"
        case .blockConnected: "block_connected"
        case .mempoolAdded: "mempool_added"
        case .mempoolRemoved: "mempool_removed"
        case .mempoolReplaced: "mempool_replaced"
        case .mempoolRejected: "mempool_rejected"
        case .utxocacheFlush: "utxocache_flush"
        case .utxocacheChange: "utxocache_change"
        case .coinSelection: "coin_selection"
        case .addrmanAdd: "addrman_add"
        case .addrmanGood: "addrman_good"
        case .tracepointCount: "tracepoint_count"
        case .pingEvent: "ping_event"
        case .txSeen: "tx_seen"
        }
    }

    /// The columns behind the five that all event tables share, in the order in which its row writer fills them.
    var ownColumns: [String] {
        switch self {
        case .p2pMessage: P2PMessageRow.columns
        case .connectionEvent: ConnectionEventRow.columns
        case .addrEntry: AddrEntryRow.columns
        case .invEntry: InvEntryRow.columns
        case .blockAnnouncement: BlockAnnouncementRow.columns
        case .blockConnected: BlockConnectedRow.columns
        case .mempoolAdded: MempoolAddedRow.columns
        case .mempoolRemoved: MempoolRemovedRow.columns
        case .mempoolReplaced: MempoolReplacedRow.columns
        case .mempoolRejected: MempoolRejectedRow.columns
        case .utxocacheFlush: UtxocacheFlushRow.columns
        case .utxocacheChange: UtxocacheChangeRow.columns
        case .coinSelection: CoinSelectionRow.columns
        case .addrmanAdd: AddrmanAddRow.columns
        case .addrmanGood: AddrmanGoodRow.columns
        case .tracepointCount: TracepointCountRow.columns
        case .pingEvent: PingEventRow.columns
        case .txSeen: TxSeenRow.columns
        }
    }

    /// The columns that all event tables begin with.
    static let sharedColumns = ["node_id", "run_id", "ts", "clk", "seq"]

    /// The COPY into the leaf partition of `day`, named as `peerscope.ensure_day` names it.
    func copyStatement(day: UTCDay) -> String {
        let columns = (Self.sharedColumns + ownColumns).joined(separator: ", ")
        return "COPY peerscope.\(name)_\(day.compact) (\(columns)) FROM STDIN (FORMAT binary)"
    }
}

extension CopyBuffer {
    /// Begins a row of an event table with the five shared columns; `own` fields must follow.
    @inline(__always)
    mutating func beginEvent(_ context: EventContext, own: Int) {
        beginRow(columns: Int16(5 + own))
        int32(context.nodeID)
        int64(context.run)
        timestamp(unixMicroseconds: context.micros)
        int32(context.clk)
        int64(context.sequence)
    }
}
