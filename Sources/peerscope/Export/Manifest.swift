import PostgreSQL

/// What an export is: enough to check it, to read it and to know what is missing in it.
///
/// Everything in it was read in the transaction that read the rows.
struct Manifest {
    let selection: Selection
    let format: ExportFormat
    /// The file's name without its folder; `nil` for standard output.
    let file: String?
    /// The statement that read the rows.
    let sql: String
    let facts: Facts

    /// What the database says of itself and of the nodes.
    struct Facts {
        let exportedAt: String
        let serverVersion: String
        let schemaVersion: Int
        /// The nodes that the rows may be of: what `node_id` means.
        let nodes: QueryResult
        let gaps: [Gaps.Total]
        /// The day from which on the table has all its rows, where retention has taken older ones.
        let completeFrom: String?
        /// Days of the window that a view may tell of differently tomorrow: the digest has not computed them
        /// since their last rows came.
        let uncomputedDays: [String]
        /// `stream_audit` of the nodes.
        let streams: QueryResult

        /// Events that are neither stored nor counted nor declared lost: 0, or something is wrong.
        var unexplained: Double {
            streams.rows.indices.reduce(0) {
                $0 + (Row(result: streams, number: $1).number("unexplained") ?? 0)
            }
        }

        init(_ selection: Selection, _ connection: Connection) throws {
            let words = try connection.execute(
                #"""
                SELECT to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, current_setting('server_version') AS server
                """#)
            exportedAt = words.value("at") ?? ""
            serverVersion = words.value("server") ?? ""
            schemaVersion = try Migrator.version(of: connection)
            let names = selection.nodes.map { Connection.array($0.map(\.name)) }
            nodes = try connection.query(
                """
                SELECT node_id, name, network FROM node
                WHERE $1::text[] IS NULL OR name = ANY ($1::text[]) ORDER BY node_id
                """, [names])
            gaps = try Gaps(selection).totals(connection)
            completeFrom = try Self.horizon(selection.relation.name, connection)
            uncomputedDays = try Self.uncomputedDays(selection, connection)
            streams = try connection.query(
                """
                SELECT node, stream_id, unexplained, declared_lost, blind_s FROM stream_audit
                WHERE $1::text[] IS NULL OR node = ANY ($1::text[]) ORDER BY node, stream_id
                """, [names])
        }

        private static func horizon(_ table: String, _ connection: Connection) throws -> String? {
            guard try exists("retention_horizon", connection) else { return nil }
            return try connection.query(
                "SELECT complete_from FROM retention_horizon WHERE table_name = $1", [table]
            ).scalar
        }

        private static func uncomputedDays(
            _ selection: Selection, _ connection: Connection
        ) throws -> [String] {
            guard selection.relation.kind.hasSuffix("view"), try exists("dirty_day", connection) else {
                return []
            }
            return try connection.query(
                """
                SELECT day FROM (SELECT day FROM dirty_day UNION SELECT day FROM digest_state WHERE error IS NOT NULL) d
                WHERE ($1::timestamptz IS NULL OR day >= $1::timestamptz::date)
                  AND ($2::timestamptz IS NULL OR day < $2::timestamptz)
                ORDER BY day
                """, [selection.window?.from, selection.window?.to]
            ).rows.compactMap { $0[0] }
        }

        /// Whether the schema has come so far.
        private static func exists(_ table: String, _ connection: Connection) throws -> Bool {
            try connection.query("SELECT to_regclass('peerscope.' || $1)", [table]).scalar != nil
        }
    }

    /// The manifest as JSON, handed to `write` in pieces: gaps may be many.
    func write(
        rows: Int, _ written: Written, _ connection: Connection, to write: (String) throws -> Void
    ) throws {
        let head = JSONValue.object(members(rows: rows, written)).lines()
        // Without the end of the object, for one more member.
        try write(String(head.dropLast(2)) + ",\n  \"gaps\": [")
        var separator = "\n    "
        try Gaps(selection).each(connection) { gap in
            try write(separator + gap)
            separator = ",\n    "
        }
        try write((separator.hasPrefix(",") ? "\n  " : "") + "]\n}\n")
    }

    private func members(rows: Int, _ written: Written) -> [(String, JSONValue)] {
        let relation = selection.relation
        return [
            ("manifest", .int(1)),
            ("relation", .string("peerscope." + relation.name)),
            ("kind", .string(relation.kind)),
            ("comment", .text(relation.comment)),
            ("file", .text(file)),
            ("format", .string(format.rawValue)),
            ("notation", .string(notation)),
            ("rows", .int(rows)),
            ("bytes", .int(written.bytes)),
            ("sha256", .string(written.sha256)),
            ("window", window),
            ("complete_from", .text(facts.completeFrom)),
            ("uncomputed_days", .array(facts.uncomputedDays.map { .string($0) })),
            ("only_these_nodes", .bool(selection.nodes != nil)),
            ("nodes", .array(facts.nodes.rows.indices.map(node))),
            ("exported_at", .string(facts.exportedAt)),
            ("peerscope_version", .string(Peerscope.version)),
            ("schema_version", .int(facts.schemaVersion)),
            ("server_version", .string(facts.serverVersion)),
            ("written_by", .text(written.writer)),
            ("sql", .string(sql)),
            ("columns", .array(relation.columns.map(column))),
            ("streams", .array(facts.streams.rows.indices.map(stream))),
            ("gap_totals", .array(facts.gaps.map(total))),
        ]
    }

    /// How the format's lines are to be read.
    private var notation: String {
        switch format {
        case .csv:
            "UTF-8; first line: names; fields separated by commas, quoted with \" where needed; lines end with LF; "
                + "NULL is an empty field, empty text is \"\""
        case .jsonl: "UTF-8; one object a line; 64-bit identifiers are strings"
        case .parquet: "compressed with zstd; types as columns.encoding names them, by Arrow's names"
        }
    }

    private var window: JSONValue {
        guard let window = selection.window else { return .null }
        func time(_ text: String?) -> JSONValue { .text(text.map(JSON.time)) }
        return .object([
            ("column", .string(window.column.name)), ("from", time(window.from)), ("to", time(window.to)),
            ("means", .string("from <= \(window.column.name) < to; null is no bound")),
        ])
    }

    private func column(_ column: Relation.Column) -> JSONValue {
        .object([
            ("name", .string(column.name)), ("type", .string(column.type.name)),
            ("encoding", .text(column.type.encoding(format))), ("comment", .text(column.comment)),
        ])
    }

    private func node(_ number: Int) -> JSONValue {
        let row = Row(result: facts.nodes, number: number)
        return .object([
            ("node_id", .number(row["node_id"])), ("name", .text(row["name"])),
            ("network", .text(row["network"])),
        ])
    }

    private func stream(_ number: Int) -> JSONValue {
        let row = Row(result: facts.streams, number: number)
        return .object([
            ("node", .text(row["node"])), ("stream_id", .text(row["stream_id"])),
            ("unexplained", .number(row["unexplained"])), ("declared_lost", .number(row["declared_lost"])),
            ("blind_s", .number(row["blind_s"])),
        ])
    }

    private func total(_ total: Gaps.Total) -> JSONValue {
        .object([
            ("reason", .string(total.reason)), ("gaps", .int(total.gaps)), ("events", .int(total.events)),
            ("uncounted", .int(total.uncounted)),
            ("seconds", total.seconds.map { .raw(Cell.number($0, decimals: 6)) } ?? .null),
        ])
    }

    // MARK: - For people

    /// What is missing, in sentences.
    var warnings: [String] {
        var sentences: [String] = []
        if facts.gaps.isEmpty {
            sentences.append(
                "No gap is declared \(isBounded ? "in this window" : "at any time")"
                    + (selection.nodes == nil ? "." : " at these nodes."))
        } else {
            let parts = facts.gaps.map { total -> String in
                var known: [String] = []
                if total.events > 0 { known.append("\(total.events) events") }
                if total.uncounted > 0 { known.append("\(total.uncounted) of them uncounted") }
                if let seconds = total.seconds, seconds > 0 { known.append(Cell.duration(seconds)) }
                return "\(total.gaps) \(total.reason)"
                    + (known.isEmpty ? "" : " (\(known.joined(separator: ", ")))")
            }
            sentences.append(
                "Gaps \(isBounded ? "in this window" : "of all times"): \(parts.joined(separator: ", ")).")
        }
        if let day = facts.completeFrom, selection.window?.from.map({ $0.prefix(10) < day }) ?? true {
            sentences.append("Retention has taken rows of before \(day): the table is complete from then on.")
        }
        if let first = facts.uncomputedDays.first, let last = facts.uncomputedDays.last {
            sentences.append(
                "The digest has new rows to compute of \(first == last ? first : "\(first) to \(last)"): "
                    + "what the view tells of that may still change.")
        }
        if facts.unexplained != 0 {
            sentences.append(
                "UNEXPLAINED \(Cell.number(facts.unexplained, decimals: 0)): events are missing that nobody declared; "
                    + "see `peerscope audit`.")
        }
        return sentences
    }

    private var isBounded: Bool { selection.window?.from != nil || selection.window?.to != nil }
}
