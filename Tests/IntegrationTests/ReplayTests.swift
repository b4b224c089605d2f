import Foundation
import Testing

/// Real probes, real eBPF, real PostgreSQL. Each test drives whole processes and compares the database with what
/// the stand-in nodes wrote down and with a computation in another language.
@Suite("A fleet of stand-in nodes", .serialized, .enabled(if: Checkout.canUseEBPF, "eBPF needs root"))
struct ReplayTests {
    /// Times of a replay differ by what clocks and scheduling add; nothing else may.
    static let replayed = ["--tolerance-ms", "2", "--within", "99"]
    static let six = [["n1", "n2"], ["n3", "n4"], ["n5", "n6"]]

    /// Every event the nodes fired while somebody was attached is a row, for every tracepoint.
    func expectEverythingStored(_ fleet: Fleet) throws {
        let stored = try fleet.storedRows()
        for host in fleet.hosts {
            for node in host.nodes {
                let truth = try Truth(fleet.truth(node))
                #expect(
                    truth.events.allSatisfy { $0.observed != false },
                    "\(node) fired events nobody was attached for")
                #expect(stored[node] == truth.observed, "\(node)")
            }
        }
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
    }

    /// |time in the database − time the stand-in noted| in ns, for rows and events in the same order.
    func timeErrors(_ fleet: Fleet, node: String) throws -> [Int64] {
        // `ts` is CLOCK_MONOTONIC plus the segment's constant, which the clock samples tell.
        let offsets = try fleet.sql(
            """
            select clk, min((extract(epoch from ts) * 1000000)::numeric::bigint - mono_ns / 1000)
            from peerscope.clock_sample join peerscope.node using (node_id) where name = '\(node)' group by clk
            """
        ).split(separator: "\n").reduce(into: [String: Int64]()) { offsets, line in
            let fields = line.split(separator: "|")
            offsets[String(fields[0])] = Int64(fields[1])
        }
        let rows = try fleet.sql(
            """
            select clk, (extract(epoch from ts) * 1000000)::numeric::bigint from peerscope.p2p_message
            join peerscope.node using (node_id) where name = '\(node)' order by seq
            """
        ).split(separator: "\n").map { $0.split(separator: "|") }
        let events = try Truth(fleet.truth(node)).events.filter { $0.tracepoint.hasSuffix("bound_message") }
        guard rows.count == events.count else {
            throw FleetFailure("\(node): \(rows.count) rows, \(events.count) events")
        }
        return zip(rows, events).compactMap { row, event in
            guard let offset = offsets[String(row[0])], let stored = Int64(row[1]) else { return nil }
            return abs((stored - offset) * 1000 - event.monotonic)
        }
    }

    func percentile(_ values: [Int64], _ share: Double) -> Int64 {
        let sorted = values.sorted()
        return sorted.isEmpty ? .max : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    @Test(
        "stores every event of all twenty tracepoints, at the time it was fired, and the views agree with an independent computation"
    )
    func everything() throws {
        let fleet = try Fleet(capture: "regtest6", layout: Self.six, secured: true)
        defer { fleet.stop() }
        try fleet.startAgents()
        try fleet.startNodes()
        try fleet.awaitNodes()
        try fleet.awaitCommitted()
        try expectEverythingStored(fleet)
        var errors: [Int64] = []
        for node in Self.six.joined() { errors += try timeErrors(fleet, node: node) }
        #expect(errors.count > 7000)
        #expect(percentile(errors, 0.5) < 20_000)
        #expect(percentile(errors, 0.99) < 1_000_000)
        let comparison = try fleet.compare(Self.replayed)
        #expect(comparison.status == 0, "\(comparison.text)")
    }

    @Test(
        "of a patched older Core is stored as well: addrman events, and mempool:replaced with seven arguments"
    )
    func addrman() throws {
        let fleet = try Fleet(
            capture: "addrman4", layout: [["n1", "n2"], ["n3", "n4"]], standin: "tracepoint-replay-v27")
        defer { fleet.stop() }
        try fleet.startAgents()
        try fleet.startNodes()
        try fleet.awaitNodes()
        try fleet.awaitCommitted()
        try expectEverythingStored(fleet)
        #expect(
            try fleet.sql("select count(*) from peerscope.mempool_replaced where new_is_txid is null") == "4")
        let comparison = try fleet.compare(Self.replayed)
        #expect(comparison.status == 0, "\(comparison.text)")
    }

    @Test("loses nothing when streamer and aggregator are killed in the middle")
    func killed() throws {
        let fleet = try Fleet(capture: "regtest6", layout: Self.six)
        defer { fleet.stop() }
        try fleet.startAgents()
        try fleet.startNodes()
        // The capture begins six seconds after this and lasts 57.
        for host in fleet.hosts {
            usleep(7_000_000)
            host.streamer?.end(SIGKILL)
            usleep(300_000)
            try fleet.stream(host)
        }
        fleet.killAggregator()
        usleep(1_500_000)
        try fleet.startAggregator()
        usleep(8_000_000)
        fleet.hosts[1].streamer?.end(SIGKILL)
        fleet.killAggregator()
        try fleet.startAggregator()
        try fleet.stream(fleet.hosts[1])
        try fleet.awaitNodes()
        try fleet.awaitCommitted()
        try expectEverythingStored(fleet)
        // No duplicates, and order kept.
        #expect(
            try fleet.sql("select count(*) - count(distinct (node_id, seq)) from peerscope.p2p_message")
                == "0")
        let comparison = try fleet.compare(Self.replayed)
        #expect(comparison.status == 0, "\(comparison.text)")
    }

    @Test("declares the time without programs when the attacher is killed")
    func blind() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"], ["n6"]])
        defer { fleet.stop() }
        try fleet.startAgents()
        try fleet.startNodes(speed: 5)
        usleep(8_000_000)
        let host = fleet.hosts[0]
        host.attacher?.end(SIGKILL)
        usleep(2_000_000)
        try fleet.attach(host)
        try fleet.awaitNodes()
        try fleet.awaitCommitted()
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
        let stored = try fleet.storedRows()
        #expect(stored["n6"] == (try Truth(fleet.truth("n6")).observed))
        // n1: what is neither stored nor unobserved lies inside a declared gap.
        let truth = try Truth(fleet.truth("n1"))
        let unobserved = truth.events.count { $0.observed == false }
        #expect(unobserved > 0, "the attacher's death left no event unobserved")
        let windows = try fleet.sql(
            """
            select g.tracepoint, (extract(epoch from g.gap_from) * 1e9 - c.real_minus_mono_ns)::bigint,
                   (extract(epoch from g.gap_to) * 1e9 - c.real_minus_mono_ns)::bigint
              from peerscope.event_gap g join peerscope.node n using (node_id)
              join peerscope.clock_segment c
                on c.node_id = g.node_id and g.gap_to between c.valid_from and coalesce(c.valid_to, 'infinity')
             where n.name = 'n1' and g.reason = 'blind'
            """
        ).split(separator: "\n").map { $0.split(separator: "|").map(String.init) }
        #expect(!windows.isEmpty)
        for (tracepoint, fired) in truth.observed {
            let inGap = truth.events.count { event in
                event.tracepoint == tracepoint && event.observed != false
                    && windows.contains { window in
                        window[0] == tracepoint && (Int64(window[1]) ?? .max) <= event.monotonic + 1_000_000
                            && event.monotonic <= (Int64(window[2]) ?? 0) + 1_000_000
                    }
            }
            let rows = stored["n1"]?[tracepoint] ?? 0
            #expect(
                rows <= fired && fired - rows <= inGap,
                "\(tracepoint): fired \(fired), stored \(rows), declared \(inGap)")
        }
    }

    @Test("ends the coverage of a tracepoint that a restarted attacher captures no more, and begins it again")
    func policyChanged() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]])
        defer { fleet.stop() }
        try fleet.startAgents()
        try fleet.startNodes(speed: 2)
        let host = fleet.hosts[0]
        let configured = try String(contentsOfFile: host.configuration, encoding: .utf8)
        func restartAttacher(_ policy: String) throws {
            host.attacher?.end()
            let changed = configured.replacing("policy: full", with: "policy: \(policy)")
            try Data(changed.utf8).write(to: URL(filePath: host.configuration))
            try fleet.attach(host)
            usleep(3_000_000)
        }
        usleep(8_000_000)
        try restartAttacher("full")
        try restartAttacher("{\"net:inbound_message\": off}")
        try restartAttacher("full")
        try fleet.awaitNodes()
        try fleet.awaitCommitted()
        func intervals(_ tracepoint: String) throws -> String {
            try fleet.sql(
                """
                select count(*), count(*) filter (where valid_to is null), max(count(*)) over ()
                  from peerscope.capture_interval where tracepoint = '\(tracepoint)'
                """)
        }
        #expect(try intervals("net:outbound_message") == "4|0|4")
        #expect(try intervals("net:inbound_message") == "3|0|3")
        // Nothing is claimed of the time in which it was off.
        let off = """
            select max(detached_at) as detached_at, max(attached_at) as again
              from peerscope.attached_probe where tracepoint = 'net:inbound_message'
            """
        #expect(
            try fleet.sql(
                """
                select tracepoint, string_agg(status, ' ' order by attached_at) from peerscope.attached_probe
                 where tracepoint in ('net:inbound_message', 'net:outbound_message') group by 1 order by 1
                """)
                == "net:inbound_message|detached detached attached\n"
                + "net:outbound_message|detached detached detached attached")
        #expect(try fleet.sql("select again - detached_at > interval '2 s' from (\(off)) o") == "t")
        #expect(
            try fleet.sql(
                """
                select count(*) from (\(off)) o join peerscope.capture_interval c
                    on c.tracepoint = 'net:inbound_message'
                   and c.valid_from < o.again - interval '10 ms' and c.valid_to > o.detached_at + interval '10 ms'
                """) == "0")
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
    }

    @Test(
        "follows a node through restarts and a replaced binary, and leaves foreign processes of the binary alone"
    )
    func restarts() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]])
        defer { fleet.stop() }
        try fleet.startAgents()
        let host = fleet.hosts[0]
        var fired: [String: Int] = [:]
        for round in 0..<3 {
            if round == 2 {
                // As a package manager does it: a new file takes the old one's name.
                let path = host.folder + "/" + host.standin
                try FileManager.default.copyItem(atPath: path, toPath: path + ".new")
                rename(path + ".new", path)
            }
            let record = "\(fleet.folder)/round\(round).csv"
            let node = try fleet.load("n1", on: host, record: record)
            let foreign = try fleet.load(
                "n2", on: host, record: "\(fleet.folder)/foreign\(round).csv",
                pidFile: "\(fleet.folder)/foreign.pid")
            #expect(node.wait() == 0, "\(node.text)")
            #expect(foreign.wait() == 0, "\(foreign.text)")
            fired.merge(try Truth(record).observed) { $0 + $1 }
        }
        try fleet.awaitCommitted(runs: 3)
        #expect(try fleet.storedRows()["n1"] == fired)
        #expect(try fleet.sql("select count(*) from peerscope.process_run") == "3")
        #expect(try fleet.sql("select count(distinct inode) from peerscope.process_run") == "2")
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
        // Every run is covered from its start to its end.
        #expect(
            try fleet.sql("select count(*) from peerscope.capture_interval where valid_to is null") == "0")
    }

    @Test("gives the whole account of processes that ended while no streamer ran, and does so once")
    func endedUnread() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1", "n2"]])
        defer { fleet.stop() }
        try fleet.startAgents()
        try fleet.startNodes(speed: 20, lead: 2)
        // All is fired five seconds after the start, and the nodes linger for another.
        usleep(5_000_000)
        let host = fleet.hosts[0]
        host.streamer?.end(SIGKILL)
        try fleet.awaitNodes()
        usleep(500_000)
        try fleet.stream(host)
        try fleet.awaitCommitted(seconds: 30)
        try expectEverythingStored(fleet)
        host.streamer?.end(SIGKILL)
        try fleet.stream(host)
        usleep(3_000_000)
        #expect(try fleet.sql("select count(*) from peerscope.event_gap where last_seq is null") == "0")
        #expect(
            try fleet.sql(
                """
                select count(*) - count(distinct (node_id, run_id, tracepoint)) from peerscope.capture_interval
                """) == "0")
        #expect(
            try fleet.sql("select count(*) from peerscope.capture_interval where valid_to is null") == "0")
    }

    @Test("declares what a full ring loses, and explains every event nevertheless")
    func overrun() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]])
        defer { fleet.stop() }
        let host = fleet.hosts[0]
        try fleet.attach(host)
        try fleet.stream(host)
        usleep(1_000_000)
        // Nobody reads: the ring fills after some ten thousand events.
        let record = "\(fleet.folder)/load.csv"
        let node = try fleet.load("n1", on: host, record: record, count: 100_000)
        usleep(1_500_000)
        if let streamer = host.streamer { kill(streamer.pid, SIGSTOP) }
        #expect(node.wait() == 0, "\(node.text)")
        if let streamer = host.streamer { kill(streamer.pid, SIGCONT) }
        try fleet.awaitCommitted(seconds: 120)
        let fired = try Truth(record).observed
        let books = try fleet.sql(
            "select tracepoint, sum(hits), sum(stored), sum(lost_ring) from peerscope.stream_tracepoint group by 1"
        ).split(separator: "\n").map { $0.split(separator: "|").map(String.init) }
        var lost = 0
        for row in books {
            #expect(Int(row[1]) == fired[row[0]], "\(row)")
            #expect((Int(row[2]) ?? 0) + (Int(row[3]) ?? 0) == fired[row[0]], "\(row)")
            lost += Int(row[3]) ?? 0
        }
        #expect(lost > 0, "the ring was never full")
        #expect(
            try fleet.sql("select sum(count) from peerscope.event_gap where reason = 'ring_full'")
                == "\(lost)")
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
    }

    @Test("declares what a node did before its pid file said whose it was, and counts what follows exactly")
    func latePidFile() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]])
        defer { fleet.stop() }
        try fleet.startAgents()
        let host = fleet.hosts[0]
        let elsewhere = fleet.folder + "/elsewhere.pid"
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let start = now.tv_sec * 1_000_000_000 + now.tv_nsec + 500_000_000
        let node = try Program(
            host.folder + "/" + host.standin,
            [
                fleet.capture, "--node", "n1", "--pid-file", elsewhere, "--speed", "6", "--start-at",
                "\(start)", "--linger", "1", "--record", fleet.truth("n1"), "--summary",
                fleet.folder + "/n1.summary.json",
            ], log: fleet.folder + "/late.log")
        defer { node.end() }
        // After two seconds it is taken for another's.
        usleep(4_500_000)
        try FileManager.default.copyItem(atPath: elsewhere, toPath: host.folder + "/nodes/n1.pid")
        try host.attacher?.awaitText("found a node's process", seconds: 5)
        usleep(500_000)
        host.streamer?.end(SIGKILL)
        try fleet.stream(host)
        #expect(node.wait() == 0)
        try fleet.awaitCommitted(seconds: 30)
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
        // What is not stored was fired before the process was found, and that time is declared.
        let stored = try fleet.storedRows()["n1"] ?? [:]
        let fired = try Truth(fleet.truth("n1")).observed
        #expect(stored.values.reduce(0, +) > 0)
        #expect(stored.values.reduce(0, +) < fired.values.reduce(0, +))
        #expect(
            try fleet.sql(
                """
                select count(*) from peerscope.event_gap where reason = 'unmatched_process' and run_id is not null
                """) == "1")
        #expect(
            try fleet.sql(
                """
                select count(*) from peerscope.p2p_message m join peerscope.event_gap g using (node_id, run_id)
                where reason = 'unmatched_process' and m.ts < g.gap_to - interval '50 ms'
                """) == "0")
        #expect(
            try fleet.sql(
                """
                select count(*) from peerscope.capture_interval c join peerscope.event_gap g using (node_id, run_id)
                where reason = 'unmatched_process' and c.valid_from < g.gap_to - interval '50 ms'
                """) == "0")
    }

    @Test("loses nothing that fits the ring when the spool's disk is full for a while")
    func fullDisk() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]])
        defer { fleet.stop() }
        let host = fleet.hosts[0]
        let state = host.folder + "/state"
        func mount(_ options: String) throws {
            let (status, text) = try Program.output(
                "/bin/mount", ["-t", "tmpfs", "-o", options, "tmpfs", state])
            guard status == 0 else { throw FleetFailure("cannot mount \(state): \(text)") }
        }
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try mount("size=64k")
        defer { umount2(state, Int32(MNT_DETACH)) }
        try fleet.startAgents()
        try fleet.startNodes(speed: 10, lead: 2)
        try host.streamer?.awaitText("the spool cannot be written", seconds: 10)
        usleep(1_000_000)
        // A streamer that begins with a full disk waits as well.
        host.streamer?.end(SIGKILL)
        try fleet.stream(host)
        try host.streamer?.awaitText("the spool cannot be written", seconds: 10)
        try fleet.awaitNodes()
        try mount("remount,size=256m")
        try fleet.awaitCommitted(seconds: 30)
        try expectEverythingStored(fleet)
    }

    @Test("keeps its differences of time within their errors when one clock is wrong and another is stepped")
    func clocks() throws {
        let fleet = try Fleet(capture: "regtest6", layout: Self.six)
        defer { fleet.stop() }
        fleet.hosts[1].clockFaults = "realtime=250000000,monotonic=86400000000000"
        fleet.hosts[2].clockFaults = "step=-3600000000000@30"
        try fleet.startAgents()
        try fleet.startNodes()
        try fleet.awaitNodes()
        try fleet.awaitCommitted()
        try expectEverythingStored(fleet)
        let comparison = try fleet.compare(Self.replayed)
        #expect(comparison.status == 0, "\(comparison.text)")
    }
}
