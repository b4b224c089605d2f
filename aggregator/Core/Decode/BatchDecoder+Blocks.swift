internal import BitcoinP2P
internal import PostgreSQL

extension BatchDecoder {
    /// A block was connected: the thread was busy with it since before.
    func connected(_ context: EventContext, _ hash: Hash256, duration: Int64, _ state: StreamState) {
        rollups.touched.insert(.init(node: context.nodeID, hash: hash))
        let thread = ThreadKey(run: context.run, tid: context.tid)
        if let before = state.windows[thread], before.isDirty, before.connectedAt != context.micros {
            before.write(node: context.nodeID, thread, into: &rollups.windows)
        }
        state.windows[thread] = ValidationWindow(
            connectedAt: context.micros, clk: context.clk, startedAt: context.micros &- duration / 1000,
            hash: hash)
    }

    /// A transaction left the mempool because a block has it: the thread is still busy with that block.
    func removedForBlock(_ context: EventContext, _ state: StreamState) {
        let thread = ThreadKey(run: context.run, tid: context.tid)
        guard var window = state.windows[thread] else { return }
        window.removed += 1
        window.lastRemovalAt = max(window.lastRemovalAt ?? context.micros, context.micros)
        window.isDirty = true
        state.windows[thread] = window
        // The block counts them: they may come in a later transaction than the block.
        if let hash = window.hash { rollups.touched.insert(.init(node: context.nodeID, hash: hash)) }
    }

    /// A header was seen, in whatever message.
    ///
    /// A compact or whole block also tells who signed its coinbase and how many transactions it has.
    func saw(
        _ context: EventContext, _ header: BlockHeader, coinbase: Coinbase? = nil, transactions: Int? = nil
    ) {
        var seen =
            rollups.headers[header.hash]
            ?? Rollups.SeenHeader(header: header, node: context.nodeID, firstSeen: context.micros)
        // Streams come in the order of their keys: another node of this transaction may have seen it before.
        if (context.micros, context.nodeID) < (seen.firstSeen, seen.node) {
            (seen.firstSeen, seen.node) = (context.micros, context.nodeID)
        }
        if seen.poolTag == nil { seen.poolTag = coinbase?.tag.map { PeerText.escape($0) } }
        if seen.transactions == nil { seen.transactions = transactions.map { Int32(clamping: $0) } }
        rollups.headers[header.hash] = seen
    }

    /// A message names or carries a block.
    func announce(
        _ context: EventContext, _ message: borrowing Message, _ hash: Hash256,
        _ numbers: BlockAnnouncementRow.Numbers, _ day: EventBuffers.Day
    ) {
        rollups.touched.insert(.init(node: context.nodeID, hash: hash))
        BlockAnnouncementRow.write(context, message, hash, numbers, into: &day[.blockAnnouncement])
    }
}

extension BatchDecoder {
    /// `headers`, `cmpctblock`, `block`, `blocktxn`, `getblocktxn`: which block, and what is told of it.
    func decodeBlockMessage(
        _ type: MessageType, _ context: EventContext, _ message: borrowing Message, _ day: EventBuffers.Day
    ) -> DecodeStatus {
        switch type {
        case .headers:
            let entries = message.declaredEntries
            return Headers.forEach(message.payload, size: message.size) { header in
                saw(context, header)
                announce(context, message, header.hash, .init(entries: entries), day)
            }.status
        case .cmpctblock:
            let compact = CompactBlock.decode(message.payload, size: message.size)
            if let block = compact.value {
                saw(
                    context, block.header, coinbase: block.coinbase,
                    transactions: block.transactionCount)
                announce(
                    context, message, block.header.hash,
                    .init(prefilled: block.prefilledCount, shortIDs: block.shortIDCount), day)
            }
            return compact.status
        case .block:
            let whole = Block.decode(message.payload, size: message.size)
            if let block = whole.value {
                saw(
                    context, block.header, coinbase: block.coinbase,
                    transactions: block.transactionCount)
                announce(context, message, block.header.hash, .init(), day)
            }
            return whole.status
        case .blocktxn:
            let answer = decodeBlockTransactions(context, message, day)
            if let block = answer.value {
                announce(context, message, block.blockHash, .init(requested: block.transactionCount), day)
            }
            return answer.status
        default:
            let request = GetBlockTransactions.decode(message.payload, size: message.size)
            if let block = request.value {
                announce(context, message, block.blockHash, .init(requested: block.indexCount), day)
            }
            return request.status
        }
    }
}
