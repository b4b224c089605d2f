internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL
internal import Tracepoints

extension BatchDecoder {
    /// A probe was attached, detached, or could not be.
    func probeReported(_ probe: ProbeReport, _ header: BatchHeader, _ state: StreamState) {
        guard let tracepoint = Tracepoint(rawValue: probe.tracepoint) else { return }
        let at = "\(Timestamp.micros(header, probe.atMonotonic))"
        let dev = "\(Int64(bitPattern: probe.device))"
        let inode = "\(Int64(bitPattern: probe.inode))"
        if probe.status == .detached {
            rollups.execute(
                """
                UPDATE peerscope.attached_probe SET detached_at = peerscope.at_us($5), status = 'detached'
                 WHERE node_id = $1 AND tracepoint = $2 AND dev = $3 AND inode = $4
                   AND attached_at < peerscope.at_us($5) AND status = 'attached' AND detached_at IS NULL
                """, ["\(state.key.node)", tracepoint.name, dev, inode, at])
            return
        }
        rollups.execute(
            """
            INSERT INTO peerscope.attached_probe (node_id, tracepoint, dev, inode, attached_at, status, nargs,
                   sites, semaphore, layout, path, detail)
            VALUES ($1, $2, $3, $4, peerscope.at_us($5), $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (node_id, tracepoint, dev, inode, attached_at) DO UPDATE
               SET status = excluded.status, nargs = excluded.nargs, sites = excluded.sites,
                   semaphore = excluded.semaphore, layout = excluded.layout, path = excluded.path,
                   detail = excluded.detail, detached_at = NULL
            """,
            [
                "\(state.key.node)", tracepoint.name, dev, inode, at, probe.status.text,
                "\(probe.argumentCount)", "\(Int32(clamping: probe.sites))", probe.semaphore ? "t" : "f",
                "\(probe.layoutFlags)", PeerText.escape(probe.path),
                probe.detail.isEmpty ? nil : PeerText.escape(probe.detail),
            ])
        // What an earlier attacher had attached went with it, at the latest when this was tried again. A streamer
        // that starts again tells everything once more, the earlier behind the later.
        rollups.execute(
            """
            UPDATE peerscope.attached_probe p SET detached_at = n.attached_at, status = 'detached'
              FROM (SELECT attached_at AS since, lead(attached_at) OVER (ORDER BY attached_at) AS attached_at
                      FROM peerscope.attached_probe
                     WHERE node_id = $1 AND tracepoint = $2 AND dev = $3 AND inode = $4) n
             WHERE p.node_id = $1 AND p.tracepoint = $2 AND p.dev = $3 AND p.inode = $4 AND p.attached_at = n.since
               AND p.status = 'attached' AND p.detached_at IS NULL AND n.attached_at IS NOT NULL
            """, ["\(state.key.node)", tracepoint.name, dev, inode])
    }

    /// Events of a time are missing.
    func missed(_ context: EventContext, _ gap: GapNotice, _ header: BatchHeader, _ state: StreamState) {
        rollups.execute(
            """
            INSERT INTO peerscope.event_gap (node_id, stream_id, run_id, tracepoint, gap_from, gap_to, count,
                   reason, declared_by, seq)
            VALUES ($1, $2, $3, $4, peerscope.at_us($5), peerscope.at_us($6), $7, $8, 'agent', $9)
            """,
            [
                "\(state.key.node)", "\(state.key.stream)", context.run == 0 ? nil : "\(context.run)",
                Tracepoint(rawValue: gap.tracepoint)?.name,
                "\(Timestamp.micros(header, gap.fromMonotonic))",
                "\(Timestamp.micros(header, gap.toMonotonic))",
                gap.count.map { "\(Int64(clamping: $0))" }, PeerText.escape(gap.reason),
                "\(context.sequence)",
            ])
    }

    /// A tracepoint was captured without gap; an end closes its interval, and no repetition opens it again.
    func covered(_ context: EventContext, _ coverage: Coverage, _ header: BatchHeader, _ state: StreamState) {
        guard let tracepoint = Tracepoint(rawValue: coverage.tracepoint) else { return }
        let end = coverage.toMonotonic == 0 ? nil : "\(Timestamp.micros(header, coverage.toMonotonic))"
        let key = ["\(state.key.node)", "\(context.run)", tracepoint.name]
        let start = "\(Timestamp.micros(header, coverage.fromMonotonic))"
        // The same interval may have begun under an earlier clock pair, at a slightly other time: an open one is
        // the one that is meant, whatever its beginning.
        guard let end else {
            rollups.execute(
                """
                INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
                SELECT $1::int, $2::bigint, $3::text, peerscope.at_us($4)
                 WHERE NOT EXISTS (SELECT 1 FROM peerscope.capture_interval
                                    WHERE node_id = $1::int AND run_id = $2::bigint AND tracepoint = $3::text
                                      AND valid_to IS NULL)
                ON CONFLICT (node_id, run_id, tracepoint, valid_from) DO NOTHING
                """, key + [start])
            return
        }
        rollups.execute(
            """
            INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from, valid_to)
            SELECT $1::int, $2::bigint, $3::text, peerscope.at_us($4), peerscope.at_us($5)
             WHERE NOT EXISTS (SELECT 1 FROM peerscope.capture_interval
                                WHERE node_id = $1::int AND run_id = $2::bigint AND tracepoint = $3::text
                                  AND valid_to IS NULL AND valid_from <= peerscope.at_us($5))
            ON CONFLICT (node_id, run_id, tracepoint, valid_from) DO NOTHING
            """, key + [start, end])
        rollups.execute(
            """
            UPDATE peerscope.capture_interval SET valid_to = peerscope.at_us($4)
             WHERE node_id = $1 AND run_id = $2 AND tracepoint = $3 AND valid_to IS NULL
               AND valid_from <= peerscope.at_us($4)
            """, key + [end])
    }

    /// How the agent is doing; only the last word counts.
    func agentReported(_ context: EventContext, _ status: AgentStatus, _ state: StreamState) {
        rollups.execute(
            """
            INSERT INTO peerscope.agent_status (node_id, ts, spool_bytes, rss_bytes, ring_used_bytes, uptime_ms)
            VALUES ($1, peerscope.at_us($2), $3, $4, $5, $6)
            ON CONFLICT (node_id) DO UPDATE
               SET ts = excluded.ts, spool_bytes = excluded.spool_bytes, rss_bytes = excluded.rss_bytes,
                   ring_used_bytes = excluded.ring_used_bytes, uptime_ms = excluded.uptime_ms
            """,
            ["\(state.key.node)", "\(context.micros)"]
                + [status.spoolBytes, status.residentBytes, status.ringUsedBytes, status.uptimeMilliseconds]
                .map { "\(Int64(clamping: $0))" })
    }

    /// A gap batch: sequence numbers that will never come.
    func declareGap(_ batch: borrowing BatchReader, _ state: StreamState) {
        let header = batch.header
        var lost: Int64 = 0
        for tally in batch.tallies {
            guard let tracepoint = Tracepoint(rawValue: tally.tracepoint) else { continue }
            let key = CountsKey(
                run: Int64(clamping: tally.run), epoch: Int64(bitPattern: header.ringEpoch),
                tracepoint: tracepoint)
            // Part of a dropped segment may have been stored before: the cumulative count tells what was not.
            let missing =
                tally.cumulative == 0
                ? Int64(clamping: tally.delta)
                : max(0, Int64(clamping: tally.cumulative) - (state.counts[key]?.settled ?? 0))
            state.counts[key, default: TracepointCounts()].loseInSpool(missing)
            lost = lost.clampedSum(missing)
        }
        declare(
            header.firstSequence, header.lastSequence, count: batch.tallies.isEmpty ? nil : lost,
            reason: batch.gapReason ?? "unknown", by: "agent", state)
    }

    /// Counts what the stream had before `batch` and nobody stored or declared by count: it lay in a hole of the
    /// spool, or was committed to a database that has been set back.
    func reconcile(_ batch: borrowing BatchReader, _ state: StreamState) {
        for tally in batch.tallies where tally.cumulative > tally.delta {
            guard let tracepoint = Tracepoint(rawValue: tally.tracepoint) else { continue }
            let key = CountsKey(
                run: Int64(clamping: tally.run), epoch: Int64(bitPattern: batch.header.ringEpoch),
                tracepoint: tracepoint)
            let before = Int64(clamping: tally.cumulative - tally.delta)
            let missing = before - (state.counts[key]?.settled ?? 0)
            if missing > 0 { state.counts[key, default: TracepointCounts()].loseInSpool(missing) }
        }
    }

    /// Sequence numbers that the tables will never have.
    func declare(
        _ first: UInt64, _ last: UInt64, count: Int64?, reason: String, by declarer: String,
        _ state: StreamState
    ) {
        rollups.execute(
            """
            INSERT INTO peerscope.event_gap (node_id, stream_id, first_seq, last_seq, count, reason,
                   declared_by, seq)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $3)
            """,
            [
                "\(state.key.node)", "\(state.key.stream)", "\(first)", "\(last)", count.map { "\($0)" },
                PeerText.escape(reason), declarer,
            ])
    }

    /// Records that were refused one by one.
    func quarantine(
        _ first: UInt64, _ last: UInt64, _ reason: String, detail: String? = nil, path: String? = nil,
        _ state: StreamState
    ) {
        rollups.execute(
            """
            INSERT INTO peerscope.quarantine (node_id, stream_id, first_seq, last_seq, reason, detail, path)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                "\(state.key.node)", "\(state.key.stream)", "\(first)", "\(last)", reason, detail, path,
            ])
    }
}

extension ProbeStatus {
    /// The text of `attached_probe.status`.
    var text: String {
        switch self {
        case .attached: "attached"
        case .missing: "missing"
        case .failed: "failed"
        case .detached: "detached"
        default: "unknown-\(rawValue)"
        }
    }
}

extension BatchDecoder {
    /// A batch that can never be stored: listed, declared as a gap, its events counted as quarantined.
    func setAside(_ batch: QueuedBatch, first: UInt64, reason: String, path: String?, _ state: StreamState) {
        let header = batch.header
        quarantine(
            first, header.lastSequence, "bad_batch", detail: PeerText.escape(reason), path: path, state)
        var lost: Int64 = 0
        if let reader = try? BatchReader(batch.bytes.span.raw) {
            for tally in reader.tallies {
                guard let tracepoint = Tracepoint(rawValue: tally.tracepoint) else { continue }
                let key = CountsKey(
                    run: Int64(clamping: tally.run), epoch: Int64(bitPattern: header.ringEpoch),
                    tracepoint: tracepoint)
                state.counts[key, default: TracepointCounts()].quarantine(Int64(clamping: tally.delta))
                lost = lost.clampedSum(Int64(clamping: tally.delta))
            }
        }
        declare(first, header.lastSequence, count: lost, reason: "quarantine", by: "aggregator", state)
        state.durable = header.lastSequence
    }
}
