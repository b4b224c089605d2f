internal import BitcoinP2P
internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL
internal import Tracepoints

/// Turns verified batches into rows: events into COPY buffers, everything else into rollups and cached state.
///
/// What comes out is a function of the batches alone, in their order, however they are grouped.
final class BatchDecoder {
    let settings: DecodeSettings
    let buffers = EventBuffers()
    let rollups = Rollups()

    init(_ settings: DecodeSettings) { self.settings = settings }

    /// Forgets the rows of the transaction.
    func removeAll() {
        buffers.removeAll()
        rollups.removeAll()
    }

    /// Applies the records of `batch` above the watermark of `state`.
    ///
    /// - Parameter accepted: microseconds between which an event is stored; outside it is quarantined.
    func apply(
        _ batch: borrowing BatchReader, survey: BatchSurvey, accepted: ClosedRange<Int64>,
        to state: StreamState
    ) throws(BatchError) {
        let header = batch.header
        guard header.kind == .events else {
            declareGap(batch, state)
            state.durable = header.lastSequence
            return
        }
        if let monotonic = survey.monotonic {
            state.clock.begin(header, first: monotonic.lowerBound, last: monotonic.upperBound)
        }
        if header.firstSequence == state.durable + 1 { reconcile(batch, state) }
        var refused = RefusedRecords()
        var strings = BatchStrings(count: batch.stringCount)
        var cursor = batch.records()
        while let record = try cursor.next() {
            guard record.sequence > state.durable else { continue }
            let context = EventContext(
                nodeID: state.key.node, run: Int64(clamping: record.run ?? 0),
                micros: Timestamp.micros(header, record.monotonic), clk: Int32(clamping: header.clk),
                sequence: Int64(clamping: record.sequence), tid: Int32(bitPattern: record.tid))
            guard let tracepoint = Tracepoint(rawValue: record.kind) else {
                applyControl(context, record, batch, accepted: accepted, state, &refused)
                continue
            }
            let key = CountsKey(
                run: context.run, epoch: Int64(bitPattern: header.ringEpoch), tracepoint: tracepoint)
            let written: Bool
            if accepted.contains(context.micros) {
                let day = buffers.day(ofMicros: context.micros)
                written = write(tracepoint, context, record, batch, &strings, day, state)
                if !written { refused.add(record.sequence, "unreadable arguments of \(tracepoint.name)") }
            } else {
                refused.add(record.sequence, "ts outside of retention and the next two days")
                written = false
            }
            if written {
                state.counts[key, default: TracepointCounts()].store()
            } else {
                state.counts[key, default: TracepointCounts()].quarantine()
            }
        }
        refused.close { first, last, reason in quarantine(first, last, reason, state) }
        state.durable = header.lastSequence
    }

    private func write(
        _ tracepoint: Tracepoint, _ context: EventContext, _ record: borrowing Record,
        _ batch: borrowing BatchReader, _ strings: inout BatchStrings, _ day: EventBuffers.Day,
        _ state: StreamState
    ) -> Bool {
        do {
            var body = record.body
            try writeEvent(tracepoint, context, record.flags, &body, batch, &strings, day, state)
            return true
        } catch {
            // The cursor has read these very bytes by the same layout: only a fault of ours comes here.
            return false
        }
    }

    /// The one dispatch from tracepoints to row writers; each reads its arguments before it begins a row.
    @_lifetime(body: copy body)
    private func writeEvent(
        _ tracepoint: Tracepoint, _ context: EventContext, _ flags: RecordFlags, _ body: inout ByteReader,
        _ batch: borrowing BatchReader, _ strings: inout BatchStrings, _ day: EventBuffers.Day,
        _ state: StreamState
    ) throws(ByteCodecError) {
        switch tracepoint {
        case .inboundMessage, .outboundMessage:
            let message = try Message(inbound: tracepoint == .inboundMessage, batch, &body)
            writeMessage(
                context, message, unreadable: flags.contains(.payloadUnreadable), &strings, day, state)
        case .inboundConnection, .outboundConnection, .evictedInboundConnection, .closedConnection,
            .misbehavingConnection:
            try writeConnection(tracepoint, context, &body, batch, day, state)
        case .blockConnected:
            let block = try BlockConnectedRow.write(context, &body, into: &day[.blockConnected])
            connected(context, block.hash, duration: block.duration, state)
        case .utxocacheFlush: try UtxocacheFlushRow.write(context, &body, into: &day[.utxocacheFlush])
        case .utxocacheAdd:
            try UtxocacheChangeRow.write(context, change: "add", &body, into: &day[.utxocacheChange])
        case .utxocacheSpent:
            try UtxocacheChangeRow.write(context, change: "spent", &body, into: &day[.utxocacheChange])
        case .utxocacheUncache:
            try UtxocacheChangeRow.write(context, change: "uncache", &body, into: &day[.utxocacheChange])
        case .selectedCoins:
            try CoinSelectionRow.selectedCoins(context, batch, &body, into: &day[.coinSelection])
        case .normalCreateTx:
            try CoinSelectionRow.created(
                context, avoidPartialSpends: false, batch, &body, into: &day[.coinSelection])
        case .attemptingAPSCreateTx:
            try CoinSelectionRow.attempting(context, batch, &body, into: &day[.coinSelection])
        case .apsCreateTx:
            try CoinSelectionRow.created(
                context, avoidPartialSpends: true, batch, &body, into: &day[.coinSelection])
        case .mempoolAdded:
            let entry = try MempoolAddedRow.write(context, &body, into: &day[.mempoolAdded])
            enteredMempool(context, entry.txid, vsize: entry.vsize, fee: entry.fee)
        case .mempoolRemoved:
            let removed = try MempoolRemovedRow.write(context, batch, &body, into: &day[.mempoolRemoved])
            let reason = batch.string(removed.reason)
            leftMempool(context, removed.txid, reason: strings.text(removed.reason, reason))
            if reason.isText("block") { removedForBlock(context, state) }
        case .mempoolReplaced:
            try MempoolReplacedRow.write(
                context, isTxidKnown: !flags.contains(.optionalAbsent), &body, into: &day[.mempoolReplaced])
        case .mempoolRejected:
            let reason = try MempoolRejectedRow.write(context, batch, &body, into: &day[.mempoolRejected])
            rejected(context, reason: strings.text(reason, batch.string(reason)))
        case .addrmanAttemptAdd: try AddrmanAddRow.write(context, batch, &body, into: &day[.addrmanAdd])
        case .addrmanMoveToGood: try AddrmanGoodRow.write(context, batch, &body, into: &day[.addrmanGood])
        }
    }
}

/// What the decoder may be told.
struct DecodeSettings: Sendable {
    /// Which payloads are stored with their message.
    var payloads = PayloadPolicy.study
    /// Entries beyond the token bucket that open announcements, per node and day.
    var addressBudget: Int64 = 100_000
    /// Of the transactions that inventories name, those whose hash begins with a multiple of this are kept as
    /// rows: the same ones on every node.
    var inventorySample: UInt32 = 1
}
