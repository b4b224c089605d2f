internal import BitcoinP2P
internal import ByteCodec
internal import PostgreSQL

extension BatchDecoder {
    /// `inv`, `getdata`, `notfound`: a row for each entry that is kept, and another for each block.
    func decodeInventory(
        _ type: MessageType, _ context: EventContext, _ message: borrowing Message, _ session: PeerSession,
        _ day: EventBuffers.Day, _ state: StreamState
    ) -> DecodeStatus {
        let entries = message.declaredEntries
        return Inventory.forEach(message.payload, size: message.size) { entry in
            if entry.kind.isBlock {
                if type != .notfound { announce(context, message, entry.hash, .init(entries: entries), day) }
                InvEntryRow.write(context, message, entry, into: &day[.invEntry])
                return
            }
            if entry.kind.isTransaction {
                session.countTransaction(type, inbound: message.inbound)
                if type == .inv, message.inbound {
                    let isWtxid = entry.kind.withoutWitness == .wtx
                    sighted(context, message.peer, entry.hash, isWtxid: isWtxid, via: "inv", state)
                }
            }
            guard isSampled(entry.hash) else { return }
            InvEntryRow.write(context, message, entry, into: &day[.invEntry])
        }.status
    }

    /// Whether a transaction's entries in inventories become rows; its hash alone decides.
    private func isSampled(_ hash: Hash256) -> Bool {
        guard settings.inventorySample > 1 else { return true }
        var reader = ByteReader(hash.bytes)
        return ((try? reader.u32()) ?? 0) % settings.inventorySample == 0
    }

    /// `tx`: its two ids, and that the peer gave it.
    func decodeTransaction(
        _ context: EventContext, _ message: borrowing Message, _ session: PeerSession,
        _ day: EventBuffers.Day, _ state: StreamState
    ) -> DecodeStatus {
        if message.inbound { session.txIn += 1 } else { session.txOut += 1 }
        let decoded = Tx.decode(message.payload, size: message.size)
        if let tx = decoded.value {
            TxSeenRow.write(context, message, tx, into: &day[.txSeen])
            if message.inbound {
                sighted(context, message.peer, tx.wtxid, isWtxid: true, via: "tx", state)
            }
        }
        return decoded.status
    }

    /// `blocktxn`: what a compact block lacked, when it comes in.
    func decodeBlockTransactions(
        _ context: EventContext, _ message: borrowing Message, _ day: EventBuffers.Day
    ) -> Decoded<BlockTransactions> {
        // The message begins with the block's hash, and transactions come before the decoder returns.
        var reader = ByteReader(message.payload)
        let block = (try? Hash256(reading: &reader)) ?? .zero
        return BlockTransactions.forEachTransaction(message.payload, size: message.size) {
            _, transaction, bytes in
            let tx = Tx(transaction, of: bytes)
            TxSeenRow.write(context, message, tx, into: &day[.txSeen])
            if message.inbound { lacked(context, message.peer, block, tx) }
        }
    }

    /// A compact block lacked a transaction.
    private func lacked(_ context: EventContext, _ peer: Int64, _ block: Hash256, _ tx: Tx) {
        rollups.compactMissing.beginRow(columns: 9)
        rollups.compactMissing.int32(context.nodeID)
        rollups.compactMissing.bytea(block.bytes)
        rollups.compactMissing.bytea(tx.wtxid.bytes)
        rollups.compactMissing.bytea(tx.txid.bytes)
        rollups.compactMissing.int64(context.run)
        rollups.compactMissing.int64(peer)
        rollups.compactMissing.timestamp(unixMicroseconds: context.micros)
        rollups.compactMissing.int32(context.clk)
        rollups.compactMissing.int32(Int32(clamping: tx.transaction.size))
    }

    /// A peer told the node of a transaction.
    private func sighted(
        _ context: EventContext, _ peer: Int64, _ hash: Hash256, isWtxid: Bool, via: String,
        _ state: StreamState
    ) {
        let day = UTCDay(micros: context.micros)
        guard state.recentTransactions.insert(hash, on: day) else { return }
        rollups.keyedDays.insert(day)
        rollups.sightedTransactions.beginRow(columns: 9)
        rollups.sightedTransactions.int32(context.nodeID)
        rollups.sightedTransactions.int64(context.run)
        rollups.sightedTransactions.timestamp(unixMicroseconds: context.micros)
        rollups.sightedTransactions.int32(context.clk)
        rollups.sightedTransactions.int64(context.sequence)
        rollups.sightedTransactions.int64(peer)
        rollups.sightedTransactions.bytea(hash.bytes)
        rollups.sightedTransactions.bool(isWtxid)
        rollups.sightedTransactions.verbatim(via)
    }

    // MARK: - The mempool

    /// A transaction was accepted.
    func enteredMempool(_ context: EventContext, _ txid: Hash256, vsize: Int32, fee: Int64) {
        changeMempool(context, txid)
        rollups.mempoolChanges.int32(vsize)
        rollups.mempoolChanges.int64(fee)
        rollups.mempoolChanges.null()
    }

    /// A transaction left, for `reason`.
    func leftMempool(_ context: EventContext, _ txid: Hash256, reason: String) {
        changeMempool(context, txid)
        rollups.mempoolChanges.null()
        rollups.mempoolChanges.null()
        rollups.mempoolChanges.verbatim(reason)
    }

    private func changeMempool(_ context: EventContext, _ txid: Hash256) {
        rollups.mempoolChanges.beginRow(columns: 9)
        rollups.mempoolChanges.int32(context.nodeID)
        rollups.mempoolChanges.int64(context.run)
        rollups.mempoolChanges.bytea(txid.bytes)
        rollups.mempoolChanges.timestamp(unixMicroseconds: context.micros)
        rollups.mempoolChanges.int32(context.clk)
        rollups.mempoolChanges.int64(context.sequence)
    }

    /// A transaction was refused.
    func rejected(_ context: EventContext, reason: String) {
        let key = Rollups.RejectKey(
            node: context.nodeID, hour: context.micros.flooredToHour, reason: reason)
        rollups.rejects[key, default: 0] += 1
    }
}
