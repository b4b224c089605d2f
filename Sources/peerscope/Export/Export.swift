import ArgumentParser
import FoundationEssentials
import Glibc
import PostgreSQL

extension ExportFormat: ExpressibleByArgument {}

/// `peerscope export`: a table or view as a file for other programs.
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A table or view as CSV, JSON lines or Parquet, with a manifest that says what is missing.",
        discussion: """
            Rows are streamed: memory stays the same however many there are. They and the manifest are read in one \
            transaction, and come in the order in which the database has them.

            FILE.manifest.json holds the row count, SHA-256, columns with their meaning, the window, versions, and \
            every declared gap that overlaps window and nodes. For standard output it is written where --manifest \
            says; without that a summary goes to standard error. A file is written as FILE.partial and gets its name \
            when it is whole.

            --from and --to select by one column of times: the partition key of a table by day; else the first \
            of \(Relation.timeNames.joined(separator: ", ")) that the relation has; else its only one. \
            --time-column names another. from <= value < to; a day counts by its beginning; a row without a \
            value is in no window. Times in tables are the node's own clock, in most views corrected time: \
            see `schema/README.md`.

            CSV and JSON lines write bytes as hexadecimal in stored order (hashes: wire order) and times as ISO \
            8601 in UTC with microseconds; Parquet has its own types. Parquet is written by Apache Arrow's library: \
            a Python 3 with pyarrow, which `make` puts into .peerscope/venv, or the one that --python or \
            $PEERSCOPE_PYTHON names.

            Examples:
              peerscope export p2p_message --from 2h --nodes alice,bob -o two.parquet
              peerscope export block_arrival_skew --to 2026-12-01 -o skew.csv
              peerscope export addr_propagation --format jsonl | jq .addr
            """)

    @OptionGroup var database: DatabaseOption
    @Argument(help: ArgumentHelp("A table or view of schema peerscope.", valueName: "relation"))
    var relation: String?
    @Flag(help: "Show what can be exported, and end.")
    var list = false
    @Option(help: "Only rows since then: 90s, 15min, 2h, 7d ago, or a time in UTC.")
    var from: String?
    @Option(help: "Only rows before then, written in the same way.")
    var to: String?
    @Option(help: ArgumentHelp("The column that --from and --to select by.", valueName: "column"))
    var timeColumn: String?
    @Option(help: ArgumentHelp("Only rows of these nodes, by name, with commas between.", valueName: "names"))
    var nodes: String?
    @Option(help: "csv, jsonl or parquet (default: by the file's ending, else csv).")
    var format: ExportFormat?
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write; - is standard output.", valueName: "file"))
    var output = "-"
    @Option(
        help: ArgumentHelp("Where to write the manifest (default: FILE.manifest.json).", valueName: "file"))
    var manifest: String?
    @Flag(help: "Replace files that exist.")
    var force = false
    @Option(
        help: ArgumentHelp(
            "A Python with pyarrow, for Parquet ($\(ParquetWriter.variable)).", valueName: "python"))
    var python: String?
    @Flag(help: "Say nothing but errors.")
    var quiet = false

    private var isStandardOutput: Bool { output == "-" }

    /// The format asked for, or the one that the file's name ends with.
    var chosenFormat: ExportFormat {
        if let format { return format }
        let ending = output.split(separator: ".").last.map { $0.lowercased() }
        return ending.flatMap { ExportFormat(rawValue: $0) } ?? .csv
    }

    /// The names of `--nodes`.
    var nodeNames: [String] {
        (nodes ?? "").split(separator: ",").map { String($0.drop(while: \.isWhitespace)) }.map { name in
            String(name.reversed().drop(while: \.isWhitespace).reversed())
        }
    }

    func validate() throws {
        guard list || relation != nil else {
            throw ValidationError("which table or view? `peerscope export --list` shows all.")
        }
        guard !output.isEmpty else { throw ValidationError("--output is empty") }
        for (option, value) in [("--from", from), ("--to", to), ("--manifest", manifest)] where value == "" {
            throw ValidationError("\(option) is empty")
        }
        if nodes != nil, nodeNames.isEmpty || nodeNames.contains("") {
            throw ValidationError("--nodes is a list of names with commas between, as in --nodes alice,bob")
        }
        if let manifest {
            guard manifest != "-" else { throw ValidationError("--manifest: name a file") }
            guard manifest != output else {
                throw ValidationError("--manifest and --output are the same file")
            }
        }
        if !list, isStandardOutput, chosenFormat == .parquet, isatty(1) == 1 {
            throw ValidationError("Parquet is nothing for a terminal: name a file with --output")
        }
    }

    func run() throws {
        try withDatabase(database) { database in
            let connection = try database.connect()
            try prepareForExport(connection)
            if list {
                try showList(connection)
            } else if let relation {
                try export(relation, connection)
            }
        }
    }

    private func showList(_ connection: Connection) throws {
        let relations = try Relation.names(connection).map { try Relation.named($0, connection) }
        let rows = relations.map { relation -> [String?] in
            let time =
                relation.naturalTimeColumn?.name ?? (relation.timeColumns.isEmpty ? nil : "--time-column")
            return [relation.name, relation.kind, time, relation.nodeColumn?.name, relation.comment]
        }
        let result = QueryResult(
            columns: ["name", "kind", "time", "node", "comment"],
            columnTypes: [25, 25, 25, 25, 25], rows: rows, affectedRows: rows.count)
        printOut(Table.text(result, Self.listColumns))
    }

    private static let listColumns: [Column] = [
        .left("NAME") { $0["name"] ?? Cell.none },
        .left("KIND") { $0["kind"] ?? Cell.none },
        .left("--from, --to BY") { $0["time"] ?? Cell.none },
        .left("--nodes BY") { $0["node"] ?? Cell.none },
        .left("MEANING", shrinks: true) { $0["comment"] ?? "" },
    ]

    private func export(_ name: String, _ connection: Connection) throws {
        let relation = try Relation.named(name, connection)
        let selection = try Selection(
            relation, from: from, to: to, timeColumn: timeColumn, nodes: nodeNames, connection)
        let file = isStandardOutput ? nil : try OutputFile(output, replaces: force)
        let manifestPath = manifest ?? (isStandardOutput ? nil : output + ".manifest.json")
        let manifestFile = try manifestPath.map { try OutputFile($0, replaces: force) }
        let unfinished = [file, manifestFile].compactMap { $0?.partialPath }
        let target = output
        Interruption.cleansUp { Self.giveUp(target, unfinished) }
        defer { Interruption.cleansUp(nil) }

        let destination = file.map { Destination.file($0) } ?? .standardOutput
        let writer: any RowWriter
        if chosenFormat == .parquet {
            let parquet = try ParquetWriter(
                relation, to: destination,
                pythons: ParquetWriter.pythons(
                    named: python, environment: ProcessInfo.processInfo.environment,
                    executable: try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")))
            let process = parquet.processID
            Interruption.cleansUp {
                kill(process, SIGKILL)
                Self.giveUp(target, unfinished)
            }
            writer = parquet
        } else {
            writer = PlainWriter(destination)
        }

        var progress = Progress(
            relation.name, expected: nil, width: Progress.terminalWidth(),
            print: quiet ? { _ in } : { say($0) })
        do {
            let job = ExportJob(
                selection: selection, format: chosenFormat, file: file.map { lastName($0.path) })
            let done = try job.run(
                connection, writer, &progress,
                manifestFile.map { file in { piece in try file.write([UInt8](piece.utf8)) } })
            try file?.synchronize()
            try manifestFile?.synchronize()
            try Interruption.undivided {
                try file?.publish()
                try manifestFile?.publish()
            }
            progress.clear()
            tell(done, manifestPath, seconds: progress.elapsed)
        } catch is ReaderLeft {
            progress.clear()
            throw ExportError(
                operation: "exporting \(relation.name)",
                message: "whoever read standard output went away before the end")
        } catch {
            progress.clear()
            throw error
        }
    }

    /// Removes what a signal has left unfinished.
    private static func giveUp(_ output: String, _ unfinished: [String]) {
        for path in unfinished { unsafe unlink(path) }
        say(isatty(2) == 1 ? "\r\u{1b}[K" : "")
        complain(
            output == "-" ? "interrupted: the rows are not whole" : "interrupted: \(output) was not written")
    }

    /// The result in a few lines; for standard output without a manifest, what would stand in it.
    private func tell(_ done: ExportJob.Outcome, _ manifest: String?, seconds: Double) {
        guard !quiet else { return }
        let rows = "\(done.rows) \(done.rows == 1 ? "row" : "rows")"
        let size = Cell.bytes(Double(done.written.bytes))
        let place = isStandardOutput ? "" : " to \(output)"
        let proof = manifest.map { "manifest \($0)" } ?? "SHA-256 \(done.written.sha256)"
        say("peerscope: \(rows), \(size), in \(Cell.duration(seconds))\(place); \(proof)\n")
        for sentence in done.manifest.warnings { say("  \(sentence)\n") }
    }

    private func lastName(_ path: String) -> String {
        path.split(separator: "/").last.map { String($0) } ?? path
    }
}

/// Sets how values are written, whatever the server's defaults are.
func prepareForExport(_ connection: Connection) throws {
    try prepare(connection)
    try connection.execute("SET datestyle = 'ISO, YMD'; SET intervalstyle = iso_8601")
    do throws(PostgreSQLError) {
        // A query whose reader was interrupted ends, even before its first row.
        try connection.execute("SET client_connection_check_interval = '2s'")
    } catch {
        // Before PostgreSQL 14, and not on every platform.
        guard ["42704", "22023"].contains(error.code) else { throw error }
    }
}
