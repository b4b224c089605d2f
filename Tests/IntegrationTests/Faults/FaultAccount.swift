import Foundation

/// The books after a run of faults: what every process of every node has fired, by its own record, against what the
/// database has of it.
///
/// For each process and tracepoint: fired = stored + counted + declared lost + unobserved, where what nobody can have
/// counted lies in a stretch of time that is declared as such. Each stored event is one that was fired, none is
/// there twice, and they are in the order in which they were fired.
struct FaultAccount {
    /// What does not add up, one sentence each.
    private(set) var faults: [String] = []
    private(set) var fired = 0
    private(set) var stored = 0
    private(set) var lost = 0
    private(set) var unknown = 0

    private struct Row {
        let sequence: Int64
        let tracepoint: String
        let monotonic: Int64
        let offset: Int64
    }

    /// A stretch of time about which nobody knows how much was fired in it.
    private struct Window {
        let tracepoint: String?
        let from: Int64
        let to: Int64
    }

    init(_ rig: FaultRig) throws {
        let unexplained = try rig.postgres.sql(
            """
            select node, durable_seq - first_seq + 1 as numbers, records, gap_seqs, unexplained from peerscope.stream_audit
             where unexplained <> 0
            """)
        if !unexplained.isEmpty {
            let books = try rig.postgres.sql(
                """
                select pid, t.* from peerscope.stream_tracepoint t left join peerscope.process_run using (node_id, run_id)
                 where hits <> stored + counted + lost_ring + lost_unreadable + lost_user + lost_spool + lost_quarantine
                """)
            faults.append("stream_audit: node|numbers|records|gaps|unexplained\n\(unexplained)\n\(books)")
        }
        let doubled = try rig.postgres.sql(
            """
            select count(*) from (select node_id, stream_id, first_seq, last_seq from peerscope.event_gap
             where last_seq is not null group by 1, 2, 3, 4 having count(*) > 1) d
            """)
        if doubled != "0" { faults.append("\(doubled) gaps of sequence numbers are declared twice") }
        let open = try rig.postgres.sql(
            "select count(*) from peerscope.capture_interval where valid_to is null")
        if open != "0" { faults.append("\(open) intervals of coverage are open, and no process is there") }
        let rows = try Self.rows(rig)
        let books = try Self.books(rig)
        let windows = try Self.windows(rig, rows)
        for process in rig.processes {
            let pid = "\(process.program.pid)"
            let truth = try Truth(process.truth).events
            let label = "\(process.node) (pid \(pid))"
            let found = compare(rows[pid] ?? [], truth, process, label)
            balance(books[pid] ?? [:], rows[pid] ?? [], truth, found, windows[pid] ?? [], process, label)
        }
    }

    /// Every row is an event that was fired, once and in order. Returns which events have a row.
    private mutating func compare(
        _ rows: [Row], _ truth: [Truth.Event], _ process: FaultRig.NodeProcess, _ label: String
    ) -> Set<Int> {
        var found: Set<Int> = []
        var place = 0
        var last = -1
        for row in rows {
            // The probe runs after its time is noted and before the next event's is; rows have microseconds.
            while place < truth.count, truth[place].monotonic <= row.monotonic + 1_000 { place += 1 }
            let index = place - 1
            // A killed process may not have written down the event that it was firing.
            let mayBeUnwritten = process.wasKilled && place == truth.count
            if index < 0 || (truth[index].tracepoint != row.tracepoint && !mayBeUnwritten) {
                faults.append(
                    "\(label): row \(row.sequence) of \(row.tracepoint) at \(row.monotonic) is no event that was fired"
                )
            } else if index < last {
                faults.append("\(label): row \(row.sequence) of \(row.tracepoint) is out of order")
            } else if index == last && !mayBeUnwritten {
                faults.append("\(label): row \(row.sequence) of \(row.tracepoint) is stored twice")
            } else {
                last = index
                found.insert(index)
                continue
            }
            return found
        }
        return found
    }

    private mutating func balance(
        _ books: [String: Books], _ rows: [Row], _ truth: [Truth.Event], _ found: Set<Int>,
        _ windows: [Window], _ process: FaultRig.NodeProcess, _ label: String
    ) {
        let counts = rows.reduce(into: [String: Int]()) { $0[$1.tracepoint, default: 0] += 1 }
        let seen = truth.filter { $0.observed != false }
        let names = Set(seen.map(\.tracepoint)).union(books.keys)
        // The one event whose line a killed process did not write.
        var slack = process.wasKilled ? 1 : 0
        for name in names.sorted() {
            let book = books[name] ?? Books()
            let fired = seen.filter { $0.tracepoint == name }
            if counts[name] ?? 0 != book.stored {
                faults.append("\(label): \(counts[name] ?? 0) rows of \(name), \(book.stored) are booked")
            }
            var missing = fired.count - book.hits
            if missing == -1, slack > 0 {
                slack = 0
                missing = 0
            }
            let inWindows = fired.count { event in
                windows.contains {
                    ($0.tracepoint == nil || $0.tracepoint == name) && $0.from - 2_000_000 <= event.monotonic
                        && event.monotonic <= $0.to + 2_000_000
                }
            }
            if missing < 0 || missing > inWindows {
                faults.append(
                    "\(label): \(name) was fired \(fired.count) times, \(book.hits) are booked, of which \(book.lost) "
                        + "lost, and \(inWindows) lie where nobody knows: "
                        + Self.text(windows.filter { $0.tracepoint == nil || $0.tracepoint == name }, truth)
                        + "; without a row are those at "
                        + Self.text(
                            truth.indices.filter {
                                truth[$0].tracepoint == name && truth[$0].observed != false
                                    && !found.contains($0)
                            }, truth))
            }
            self.fired += fired.count
            stored += book.stored
            lost += book.lost
            unknown += max(0, missing)
        }
    }

    /// Windows in seconds from the process's first event.
    private static func text(_ windows: [Window], _ truth: [Truth.Event]) -> String {
        let first = truth.first?.monotonic ?? 0
        return windows.map {
            String(format: "%.2f–%.2f", Double($0.from - first) / 1e9, Double($0.to - first) / 1e9)
        }.joined(separator: ", ")
    }

    /// Stretches of events in seconds from the process's first event.
    private static func text(_ missing: [Int], _ truth: [Truth.Event]) -> String {
        var windows: [Window] = []
        for index in missing {
            let at = truth[index].monotonic
            if let last = windows.last, at < last.to + 300_000_000 {
                windows[windows.count - 1] = Window(tracepoint: nil, from: last.from, to: at)
            } else {
                windows.append(Window(tracepoint: nil, from: at, to: at))
            }
        }
        return text(windows, truth)
    }

    // MARK: - What the database has

    struct Books {
        var hits = 0
        var stored = 0
        var lost = 0
    }

    private static let events = """
        select node_id, run_id, seq, ts, clk, case when inbound then 'net:inbound_message' else 'net:outbound_message' end as tracepoint from peerscope.p2p_message
        union all select node_id, run_id, seq, ts, clk, 'net:' || case event when 'inbound' then 'inbound_connection' when 'outbound' then 'outbound_connection'
          when 'evicted' then 'evicted_inbound_connection' when 'closed' then 'closed_connection' else 'misbehaving_connection' end
          from peerscope.connection_event
        union all select node_id, run_id, seq, ts, clk, 'validation:block_connected' from peerscope.block_connected
        union all select node_id, run_id, seq, ts, clk, 'utxocache:flush' from peerscope.utxocache_flush
        union all select node_id, run_id, seq, ts, clk, 'utxocache:' || change from peerscope.utxocache_change
        union all select node_id, run_id, seq, ts, clk, 'coin_selection:' || event from peerscope.coin_selection
        union all select node_id, run_id, seq, ts, clk, 'mempool:added' from peerscope.mempool_added
        union all select node_id, run_id, seq, ts, clk, 'mempool:removed' from peerscope.mempool_removed
        union all select node_id, run_id, seq, ts, clk, 'mempool:replaced' from peerscope.mempool_replaced
        union all select node_id, run_id, seq, ts, clk, 'mempool:rejected' from peerscope.mempool_rejected
        """

    /// Rows by process id, in the order of their numbers, with the time their kernel gave them.
    private static func rows(_ rig: FaultRig) throws -> [String: [Row]] {
        let text = try rig.postgres.sql(
            """
            select r.pid, e.seq, e.tracepoint, (extract(epoch from e.ts) * 1000000)::numeric::bigint,
                   c.real_minus_mono_ns
              from (\(events)) e join peerscope.process_run r using (node_id, run_id)
              left join peerscope.clock_segment c using (node_id, clk) order by r.pid, r.run_id, e.seq
            """)
        var rows: [String: [Row]] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "|", omittingEmptySubsequences: false)
            guard let sequence = Int64(fields[1]), let micros = Int64(fields[3]),
                let offset = Int64(fields[4])
            else { throw FleetFailure("a row without a clock: \(line)") }
            rows[String(fields[0]), default: []].append(
                Row(
                    sequence: sequence, tracepoint: String(fields[2]), monotonic: micros * 1000 - offset,
                    offset: offset))
        }
        return rows
    }

    private static func books(_ rig: FaultRig) throws -> [String: [String: Books]] {
        let text = try rig.postgres.sql(
            """
            select r.pid, t.tracepoint, sum(hits), sum(stored),
                   sum(lost_ring + lost_unreadable + lost_user + lost_spool + lost_quarantine)
              from peerscope.stream_tracepoint t join peerscope.process_run r using (node_id, run_id) group by 1, 2
            """)
        var books: [String: [String: Books]] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "|").map(String.init)
            books[fields[0], default: [:]][fields[1]] = Books(
                hits: Int(fields[2]) ?? 0, stored: Int(fields[3]) ?? 0, lost: Int(fields[4]) ?? 0)
        }
        return books
    }

    /// Declared stretches without a count, by process id.
    private static func windows(_ rig: FaultRig, _ rows: [String: [Row]]) throws -> [String: [Window]] {
        let text = try rig.postgres.sql(
            """
            select r.pid, coalesce(g.tracepoint, ''), (extract(epoch from g.gap_from) * 1000000)::numeric::bigint,
                   (extract(epoch from g.gap_to) * 1000000)::numeric::bigint, g.seq
              from peerscope.event_gap g join peerscope.process_run r using (node_id, run_id)
             where g.count is null and g.run_id is not null
            """)
        var windows: [String: [Window]] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            guard let from = Int64(fields[2]), let to = Int64(fields[3]), let sequence = Int64(fields[4])
            else {
                continue
            }
            // By the clock of the rows around it: the wall clock may have been stepped.
            let mine = rows[fields[0]] ?? []
            let around = [mine.last { $0.sequence <= sequence }, mine.first { $0.sequence >= sequence }]
            for offset in Set(around.compactMap { $0?.offset }) {
                windows[fields[0], default: []].append(
                    Window(
                        tracepoint: fields[1].isEmpty ? nil : fields[1], from: from * 1000 - offset,
                        to: to * 1000 - offset))
            }
        }
        return windows
    }
}
