import PostgreSQL

/// `peerscope audit --deep`: the event tables counted again, against `stream_tracepoint.stored`.
struct Recount {
    /// Per node, process and tracepoint, where rows and notes differ.
    let differences: QueryResult
    let verdict: String
    let failed: Bool

    /// Which rows a tracepoint makes: table, and the condition when the table holds several tracepoints.
    private static let sources: [(tracepoint: String, table: String, condition: String?)] = [
        ("net:inbound_message", "p2p_message", "inbound"),
        ("net:outbound_message", "p2p_message", "NOT inbound"),
        ("net:inbound_connection", "connection_event", "event = 'inbound'"),
        ("net:outbound_connection", "connection_event", "event = 'outbound'"),
        ("net:evicted_inbound_connection", "connection_event", "event = 'evicted'"),
        ("net:closed_connection", "connection_event", "event = 'closed'"),
        ("net:misbehaving_connection", "connection_event", "event = 'misbehaving'"),
        ("validation:block_connected", "block_connected", nil),
        ("utxocache:flush", "utxocache_flush", nil),
        ("utxocache:add", "utxocache_change", "change = 'add'"),
        ("utxocache:spent", "utxocache_change", "change = 'spent'"),
        ("utxocache:uncache", "utxocache_change", "change = 'uncache'"),
        ("coin_selection:selected_coins", "coin_selection", "event = 'selected_coins'"),
        (
            "coin_selection:normal_create_tx_internal", "coin_selection",
            "event = 'normal_create_tx_internal'"
        ),
        (
            "coin_selection:attempting_aps_create_tx", "coin_selection",
            "event = 'attempting_aps_create_tx'"
        ),
        ("coin_selection:aps_create_tx_internal", "coin_selection", "event = 'aps_create_tx_internal'"),
        ("mempool:added", "mempool_added", nil),
        ("mempool:removed", "mempool_removed", nil),
        ("mempool:replaced", "mempool_replaced", nil),
        ("mempool:rejected", "mempool_rejected", nil),
        ("addrman:attempt_add", "addrman_add", nil),
        ("addrman:move_to_good", "addrman_good", nil),
    ]

    /// Counts, in one snapshot.
    static func run(_ connection: Connection) throws -> Recount {
        let counts = sources.map { source in
            """
            SELECT node_id, run_id, '\(source.tracepoint)' AS tracepoint, '\(source.table)' AS table_name,
                   count(*) AS rows
            FROM \(source.table)\(source.condition.map { " WHERE " + $0 } ?? "") GROUP BY node_id, run_id
            """
        }
        let whole = try connection.execute(
            """
            WITH counted AS MATERIALIZED (
                \(counts.joined(separator: "\nUNION ALL\n"))
            ), noted AS (
                SELECT node_id, run_id, tracepoint, sum(stored)::bigint AS stored
                FROM stream_tracepoint GROUP BY 1, 2, 3
            ), source (tracepoint, table_name) AS (
                VALUES \(sources.map { "('\($0.tracepoint)', '\($0.table)')" }.joined(separator: ", "))
            ), compared AS (
                SELECT node_id, run_id, tracepoint, coalesce(stored, 0) AS stored, coalesce(rows, 0) AS rows
                FROM noted FULL JOIN counted USING (node_id, run_id, tracepoint)
            )
            SELECT coalesce(n.name, c.node_id::text) AS node, c.run_id, c.tracepoint, c.stored, c.rows,
                   -- Rows of a process that is older than what the table keeps may have been dropped.
                   c.rows < c.stored AND coalesce(p.started_at < now() - t.keep, false) AS expired,
                   sum(c.stored) OVER () AS all_stored, sum(c.rows) OVER () AS all_rows
            FROM compared c
            LEFT JOIN node n USING (node_id)
            LEFT JOIN process_run p USING (node_id, run_id)
            LEFT JOIN source s USING (tracepoint)
            LEFT JOIN retention t USING (table_name)
            ORDER BY 1, 2, 3
            """)
        let rows = whole.rows.indices.map { Row(result: whole, number: $0) }
        let differing = rows.filter { $0["stored"] != $0["rows"] }
        let expired = differing.filter { $0.isTrue("expired") }.count
        let wrong = differing.count - expired
        let totals =
            "\(rows.first?["all_rows"] ?? "0") rows, \(rows.first?["all_stored"] ?? "0") noted as stored"
        var verdict =
            wrong == 0
            ? "Recounted: \(totals); they agree for every process and tracepoint."
            : "RECOUNT: \(totals); \(wrong) processes and tracepoints differ."
        if expired > 0 { verdict += " \(expired) have fewer rows because retention dropped old ones." }
        return Recount(
            differences: whole.keeping(differing.map(\.number)), verdict: verdict, failed: wrong > 0)
    }

    static let columns: [Column] = [
        .left("NODE", shrinks: true) { $0["node"] ?? Cell.none },
        .left("RUN") { $0["run_id"] ?? Cell.none },
        .left("TRACEPOINT") { $0["tracepoint"] ?? Cell.none },
        .right("STORED") { $0["stored"] ?? Cell.none },
        .right("ROWS") { $0["rows"] ?? Cell.none },
        .left("") { $0.isTrue("expired") ? "dropped by retention" : "differs" },
    ]
}
