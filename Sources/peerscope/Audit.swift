import ArgumentParser
import PostgreSQL

/// `peerscope audit`: whether every event is accounted for.
struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The proof: every event is stored, counted or declared lost; no effect before its cause.",
        discussion: """
            Two equations hold for every stream (view stream_audit): the durable sequences are the records applied \
            plus the declared gaps, and the hits of every tracepoint are stored, counted or lost. UNEXPLAINED is \
            the sum of their differences. The clocks (view clock_audit) are checked with pings between nodes of the \
            fleet: none may arrive before it was sent. The exit status is 1 when either fails. \
            CSV holds the streams; JSON everything.
            """)

    @OptionGroup var options: AskingOptions
    @Flag(
        help: "Also count the rows of all event tables again and compare them with what was noted as stored.")
    var deep = false

    func run() throws {
        try ask(options) { connection in
            let streams = try connection.execute("SELECT * FROM stream_audit ORDER BY node, stream_id")
            let gaps = try connection.execute(
                """
                SELECT coalesce(n.name, g.node_id::text) AS node, g.reason, coalesce(g.tracepoint, 'all') AS tracepoint,
                       g.declared_by, count(*) AS gaps, sum(g.count)::bigint AS events,
                       count(*) FILTER (WHERE g.count IS NULL) AS uncounted,
                       sum(extract(epoch FROM g.gap_to - g.gap_from))::float8 AS seconds,
                       min(g.gap_from) AS first_from, max(g.gap_to) AS last_to
                FROM event_gap g LEFT JOIN node n USING (node_id)
                GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
                """)
            // The newest day shows how good the clocks are; a violation counts whenever it was.
            let clocks = try connection.execute(
                """
                SELECT * FROM clock_audit WHERE day = (SELECT max(day) FROM clock_audit) OR violations > 0
                ORDER BY link, day
                """)
            var sections = [
                Section("streams", title: "Streams", streams, Self.streamColumns),
                Section(
                    "gaps", title: "Declared gaps", gaps,
                    nothing: streams.rows.isEmpty ? "" : "No gap was declared.", Self.gapColumns),
                Section(
                    "clocks", title: "Clocks, by pings between nodes of the fleet", clocks,
                    nothing: streams.rows.isEmpty ? "" : "No ping was seen at both ends of a link.",
                    Self.clockColumns),
            ]
            if streams.rows.isEmpty {
                return Answer(sections, remark: try reasonForNoRows(connection, "No stream is known."))
            }
            let unexplained = Self.sum(streams, "unexplained")
            let violations = Self.sum(clocks, "violations")
            var remarks = [
                unexplained == 0
                    ? "Every event is accounted for: unexplained 0."
                    : "UNEXPLAINED \(Cell.number(unexplained, decimals: 0)): these events are neither stored nor "
                        + "counted nor declared lost."
            ]
            if violations != 0 {
                remarks.append(
                    "CLOCKS: \(Cell.number(violations, decimals: 0)) pings arrived before they were sent, "
                        + "beyond the stated errors.")
            }
            var failed = unexplained != 0 || violations != 0
            if deep {
                let recount = try Recount.run(connection)
                sections.append(
                    Section(
                        "recount", title: "Rows that differ from what was noted as stored",
                        recount.differences,
                        Recount.columns))
                remarks.append(recount.verdict)
                failed = failed || recount.failed
            }
            return Answer(sections, remark: remarks.joined(separator: "\n"), failed: failed)
        }
    }

    private static func sum(_ result: QueryResult, _ column: String) -> Double {
        result.rows.indices.reduce(0) { $0 + (Row(result: result, number: $1).number(column) ?? 0) }
    }

    private static let streamColumns: [Column] = [
        .left("NODE", shrinks: true) { $0["node"] ?? Cell.none },
        .left("STREAM", shrinks: true) { $0["stream_id"] ?? Cell.none },
        .right("FIRST") { $0["first_seq"] ?? Cell.none },
        .right("DURABLE") { $0["durable_seq"] ?? Cell.none },
        .right("RECORDS") { $0["records"] ?? Cell.none },
        .right("HITS") { $0["hits"] ?? Cell.none },
        .right("STORED") { $0["stored"] ?? Cell.none },
        .right("COUNTED") { $0["counted"] ?? Cell.none },
        .right("LOST") { $0["declared_lost"] ?? Cell.none },
        .right("BLIND s") { Cell.sensible($0.number("blind_s")) },
        .right("UNEXPLAINED") { $0["unexplained"] ?? Cell.none },
    ]

    private static let gapColumns: [Column] = [
        .left("NODE", shrinks: true) { $0["node"] ?? Cell.none },
        .left("REASON") { $0["reason"] ?? Cell.none },
        .left("TRACEPOINT") { $0["tracepoint"] ?? Cell.none },
        .left("BY") { $0["declared_by"] ?? Cell.none },
        .right("GAPS") { $0["gaps"] ?? Cell.none },
        .right("EVENTS") { row in
            let events = row["events"]
            guard row["uncounted"] != "0" else { return events ?? Cell.none }
            return events.map { "≥ \($0)" } ?? "unknown"
        },
        .right("LENGTH s") { Cell.sensible($0.number("seconds")) },
        .left("FROM (UTC)") { Cell.time($0["first_from"], fraction: 3) },
    ]

    private static let clockColumns: [Column] = [
        .left("LINK", shrinks: true) { $0["link"] ?? Cell.none },
        .left("DAY (UTC)") { $0["day"] ?? Cell.none },
        .right("SAMPLES") { $0["samples"] ?? Cell.none },
        .right("SHORTEST ms") { Cell.number($0.number("min_ms"), decimals: 3) },
        .right("MEDIAN ms") { Cell.number($0.number("median_ms"), decimals: 3) },
        .right("VIOLATIONS") { $0["violations"] ?? Cell.none },
    ]
}
