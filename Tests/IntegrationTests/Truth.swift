import Foundation

/// What the stand-ins wrote down: every event, when it was fired, and whether somebody was attached.
struct Truth {
    struct Event {
        let monotonic: Int64
        let tracepoint: String
        /// nil when the tracepoint has no semaphore to tell by.
        let observed: Bool?
    }

    let events: [Event]

    init(_ path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        events = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count >= 3, let monotonic = Int64(fields[0]) else { return nil }
            return Event(
                monotonic: monotonic, tracepoint: String(fields[1]),
                observed: fields[2].isEmpty ? nil : fields[2] == "1")
        }
    }

    /// Events by tracepoint, without those that nobody can have seen.
    var observed: [String: Int] {
        events.filter { $0.observed != false }.reduce(into: [:]) { $0[$1.tracepoint, default: 0] += 1 }
    }
}

extension Fleet {
    /// Rows in the event tables by node and tracepoint.
    func storedRows() throws -> [String: [String: Int]] {
        let query = """
            select n.name, t.tracepoint, count(*) from (
              select node_id, case when inbound then 'net:inbound_message' else 'net:outbound_message' end as tracepoint from peerscope.p2p_message
              union all select node_id, 'net:' || case event when 'inbound' then 'inbound_connection' when 'outbound' then 'outbound_connection'
                when 'evicted' then 'evicted_inbound_connection' when 'closed' then 'closed_connection' else 'misbehaving_connection' end
                from peerscope.connection_event
              union all select node_id, 'validation:block_connected' from peerscope.block_connected
              union all select node_id, 'utxocache:flush' from peerscope.utxocache_flush
              union all select node_id, 'utxocache:' || change from peerscope.utxocache_change
              union all select node_id, 'coin_selection:' || event from peerscope.coin_selection
              union all select node_id, 'mempool:added' from peerscope.mempool_added
              union all select node_id, 'mempool:removed' from peerscope.mempool_removed
              union all select node_id, 'mempool:replaced' from peerscope.mempool_replaced
              union all select node_id, 'mempool:rejected' from peerscope.mempool_rejected
              union all select node_id, 'addrman:attempt_add' from peerscope.addrman_add
              union all select node_id, 'addrman:move_to_good' from peerscope.addrman_good
            ) t join peerscope.node n using (node_id) group by 1, 2
            """
        var rows: [String: [String: Int]] = [:]
        for line in try sql(query).split(separator: "\n") {
            let fields = line.split(separator: "|").map(String.init)
            rows[fields[0], default: [:]][fields[1]] = Int(fields[2])
        }
        return rows
    }

    /// Runs the independent comparison in Python, against the times at which the stand-ins really fired.
    func compare(_ arguments: [String]) throws -> (status: Int32, text: String) {
        var expected = capture
        if !standins.isEmpty {
            expected = folder + "/as-fired.jsonl"
            let (status, text) = try Program.output(
                "/usr/bin/python3",
                [Checkout.path("Tests/Oracle/as_fired.py"), capture]
                    + standins.keys.map { "\($0)=\(truth($0))" })
            guard status == 0 else { throw FleetFailure(text) }
            try Data(text.utf8).write(to: URL(filePath: expected))
        }
        _ = try sql("CALL peerscope.digest(true)")
        return try oracle("compare.py", expected, arguments)
    }

    /// Compares what the writers keep per node with a computation of its own in Python.
    func compareRollups() throws -> (status: Int32, text: String) {
        try oracle("rollups.py", capture, [])
    }

    /// Compares the views about addresses with a computation of their own in Python.
    func compareAddresses() throws -> (status: Int32, text: String) {
        try oracle("addresses.py", capture, [])
    }

    /// Compares the views about blocks with a computation of its own in Python; after `compare`, which computes the digest.
    func compareBlocks() throws -> (status: Int32, text: String) {
        try oracle("blocks.py", capture, [])
    }

    /// Compares the views about peers, transactions and alerts with a computation of their own in Python; after
    /// `compare`, which computes the digest.
    func comparePeers() throws -> (status: Int32, text: String) {
        try oracle("peers.py", capture, [])
    }

    private func oracle(
        _ script: String, _ expected: String, _ arguments: [String]
    ) throws -> (status: Int32, text: String) {
        try Program.output(
            "/usr/bin/python3",
            [
                Checkout.path("Tests/Oracle/\(script)"), "--capture", expected, "-d", try connection(),
                "--rpc",
                capture.replacingOccurrences(of: ".jsonl.gz", with: ".oracle.json"),
            ] + arguments)
    }
}
