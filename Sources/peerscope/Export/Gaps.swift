import PostgreSQL

/// The declared gaps that overlap a selection's window and nodes: rows of `event_gap`, blind spans among them.
///
/// Their times are on the nodes' own clocks; one whose time nobody knows (a quarantined range of sequence
/// numbers) belongs to every window.
struct Gaps {
    /// All gaps of one reason.
    struct Total: Equatable {
        let reason: String
        let gaps: Int
        /// Events missing in those that could be counted.
        let events: Int
        /// Gaps whose events nobody could count.
        let uncounted: Int
        /// Seconds inside the window, added up over the nodes; `nil` when no times are known.
        let seconds: Double?
    }

    private let window: (from: String, to: String)
    private let condition: String

    init(_ selection: Selection) {
        func constant(_ time: String?) -> String {
            time.map { "timestamptz \(Connection.literal($0))" } ?? "NULL::timestamptz"
        }
        window = (constant(selection.window?.from), constant(selection.window?.to))
        var conditions: [String] = []
        if selection.window?.from != nil { conditions.append("(g.gap_to >= \(window.from)) IS NOT FALSE") }
        if selection.window?.to != nil { conditions.append("(g.gap_from < \(window.to)) IS NOT FALSE") }
        if let nodes = selection.nodes {
            conditions.append("g.node_id IN (\(nodes.map(\.id).joined(separator: ", ")))")
        }
        condition = conditions.isEmpty ? "true" : conditions.joined(separator: " AND ")
    }

    /// The gaps by reason.
    func totals(_ connection: Connection) throws -> [Total] {
        let result = try connection.execute(
            """
            WITH gap AS (
                SELECT g.node_id, g.reason, g.count,
                       CASE WHEN g.gap_from IS NOT NULL THEN greatest(g.gap_from, \(window.from)) END AS begins,
                       least(coalesce(g.gap_to, now()), \(window.to)) AS ends
                FROM event_gap g WHERE \(condition)
            ), of_node AS (
                SELECT reason, count(*) AS gaps, sum(count) AS events,
                       count(*) FILTER (WHERE count IS NULL) AS uncounted,
                       -- Gaps of several tracepoints at the same time are one span.
                       range_agg(tstzrange(begins, greatest(begins, ends))) FILTER (WHERE begins IS NOT NULL) AS spans
                FROM gap GROUP BY node_id, reason
            )
            SELECT reason, sum(gaps) AS gaps, coalesce(sum(events), 0) AS events, sum(uncounted) AS uncounted,
                   sum((SELECT sum(extract(epoch FROM upper(s) - lower(s))) FROM unnest(spans) s))::float8 AS seconds
            FROM of_node GROUP BY reason ORDER BY reason
            """)
        return result.rows.indices.map { number in
            let row = Row(result: result, number: number)
            return Total(
                reason: row["reason"] ?? "", gaps: row["gaps"].flatMap { Int($0) } ?? 0,
                events: row["events"].flatMap { Int($0) } ?? 0,
                uncounted: row["uncounted"].flatMap { Int($0) } ?? 0, seconds: row.number("seconds"))
        }
    }

    /// Hands each gap to `body` as a JSON object.
    func each(_ connection: Connection, _ body: (String) throws -> Void) throws {
        func time(_ column: String) -> String {
            ColumnType(name: "timestamp with time zone", oid: 1184).expression(column, .jsonl)
        }
        try connection.copyOut(
            """
            COPY (SELECT json_build_object(
                      'node', node, 'reason', reason, 'tracepoint', tracepoint, 'from', \(time("gap_from")),
                      'to', \(time("gap_to")), 'count', count, 'first_seq', first_seq, 'last_seq', last_seq,
                      'stream_id', stream_id::text, 'run_id', run_id::text, 'declared_by', declared_by)
                  FROM (SELECT g.*, coalesce(n.name, g.node_id::text) AS node
                        FROM event_gap g LEFT JOIN node n USING (node_id) WHERE \(condition)) gap
                  ORDER BY gap_from, node, seq)
            TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
            """
        ) { bytes, _ in
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                try body(String(decoding: line, as: UTF8.self))
            }
        }
    }
}
