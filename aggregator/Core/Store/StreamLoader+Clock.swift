internal import CollectorProtocol
internal import PostgreSQL

extension StreamLoader {
    /// Loads the segments that are not final and the samples they need.
    func loadClock(_ state: StreamState) throws {
        let node = "\(state.key.node)"
        let found = try connection.query(
            """
            SELECT clk, boot_id, real_minus_mono_ns, from_mono_ns, to_mono_ns, valid_to IS NOT NULL,
                   NOT provisional
              FROM peerscope.clock_segment s
             WHERE node_id = $1 AND real_minus_mono_ns IS NOT NULL
               AND (provisional OR clk = (SELECT max(clk) FROM peerscope.clock_segment WHERE node_id = $1))
             ORDER BY clk
            """, [node])
        var segments: [ClockSegment] = []
        for values in found.rows {
            var row = SelectedRow(values)
            guard let clk = row.int32(), let boot = row.text().flatMap({ BootID(text: $0) }),
                let offset = row.int64(), let from = row.int64(), let to = row.int64()
            else { continue }
            segments.append(
                ClockSegment(
                    clk: clk, bootID: boot, realMinusMono: offset, from: from, to: to,
                    isClosed: row.bool() ?? false, isFinal: row.bool() ?? false, isDirty: false))
        }
        guard let oldest = segments.first else { return }
        state.clock = ClockTrack(segments: segments, samples: try samples(node, since: oldest))
    }

    private func samples(_ node: String, since oldest: ClockSegment) throws -> [TrackedSample] {
        let found = try connection.query(
            """
            SELECT mono_ns, lo_ns, hi_ns, clk, boot_id, reference, reference_offset_ns,
                   agg_real_minus_mono_ns, agg_maxerror_ns, agg_sync, node_real_minus_mono_ns,
                   node_maxerror_ns, node_sync
              FROM peerscope.clock_sample
             WHERE node_id = $1 AND (clk >= $2::int OR (clk >= $2::int - 16 AND boot_id = $3 AND mono_ns >= $4::bigint))
             ORDER BY ts, mono_ns
            """,
            [node, "\(oldest.clk)", "\(oldest.bootID)", "\(oldest.from - ClockEstimator.reach)"])
        return found.rows.compactMap { values in
            var row = SelectedRow(values)
            guard let mono = row.int64(), let low = row.int64(), let high = row.int64(),
                let clk = row.int32(), let boot = row.text().flatMap({ BootID(text: $0) }),
                let reference = row.text().flatMap({ BootID(text: $0) }), let offset = row.int64()
            else { return nil }
            let aggregator = ClockReading(
                realMinusMono: row.int64() ?? 0, maxError: row.int64(), isSynchronised: row.bool() ?? false)
            let host = ClockReading(
                realMinusMono: row.int64() ?? 0, maxError: row.int64(), isSynchronised: row.bool() ?? false)
            return TrackedSample(
                bound: ClockBound(
                    monotonic: mono, low: low, high: high,
                    ntp: ClockReading.difference(node: host, aggregator: aggregator)),
                bootID: boot, clk: clk, reference: reference, referenceOffset: offset,
                aggregatorMaxError: aggregator.maxError)
        }
    }
}

/// What a host's kernel thinks of its clock at one moment.
struct ClockReading {
    let realMinusMono: Int64
    /// Nanoseconds; nil when unknown.
    let maxError: Int64?
    let isSynchronised: Bool

    /// NTP's bound on mono_agg − mono_node, when both clocks are synchronised and know their error.
    static func difference(node: ClockReading, aggregator: ClockReading) -> ClosedRange<Int64>? {
        guard node.isSynchronised, aggregator.isSynchronised, let nodeError = node.maxError,
            let aggregatorError = aggregator.maxError
        else { return nil }
        let (middle, overflow) = node.realMinusMono.subtractingReportingOverflow(aggregator.realMinusMono)
        let (width, tooWide) = nodeError.addingReportingOverflow(aggregatorError)
        let limit = ClockEstimator.largest / 2
        guard !overflow, !tooWide, middle.magnitude < UInt64(limit), width >= 0, width < limit else {
            return nil
        }
        return middle - width...middle + width
    }
}
