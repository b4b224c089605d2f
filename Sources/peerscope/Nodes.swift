import ArgumentParser
import PostgreSQL

/// `peerscope nodes`: the fleet and its health.
struct Nodes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The fleet: probes, lag, losses and clocks of every node (view fleet_health).")

    @OptionGroup var options: AskingOptions

    func run() throws {
        try ask(options) { connection in
            let rows = try connection.execute("SELECT * FROM fleet_health ORDER BY node")
            let nothing = try rows.rows.isEmpty ? reasonForNoRows(connection, "No node is known.") : nil
            return Answer([Section("nodes", rows, Self.columns)], remark: nothing)
        }
    }

    private static let columns: [Column] = [
        .left("NODE", shrinks: true) { $0["node"] ?? Cell.none },
        .left("USER AGENT", shrinks: true) { $0["user_agent"] ?? Cell.none },
        .right("PROBES") { row in
            let missing = row["probes_missing"] ?? "0"
            let attached = row["probes_attached"] ?? Cell.none
            return missing == "0" ? attached : "\(attached) (-\(missing))"
        },
        .left("LAST EVENT (UTC)") { Cell.time($0["last_event_at"], fraction: 0) },
        .right("LAG") { Cell.duration($0.number("lag_s")) },
        .right("LOST") { $0["lost"] ?? Cell.none },
        .right("BLIND s") { Cell.sensible($0.number("blind_s")) },
        .right("CUT") { $0["truncated"] ?? Cell.none },
        .right("CLOCK ms") { Cell.number($0.number("clock_offset_ms"), decimals: 3) },
        .right("± ms") { Cell.number($0.number("clock_error_ms"), decimals: 3) },
        .left("BY", shrinks: true) { $0["clock_quality"] ?? Cell.none },
        .right("SPOOL") { Cell.bytes($0.number("spool_bytes")) },
        .right("A DAY") { Cell.bytes($0.number("bytes_per_day")) },
    ]
}
