import PostgreSQL

/// One export from a database to a writer.
struct ExportJob {
    let selection: Selection
    let format: ExportFormat
    /// The file's name, for the manifest; `nil` for standard output.
    let file: String?

    struct Outcome {
        let rows: Int
        let written: Written
        let manifest: Manifest
    }

    /// Streams the rows and then the manifest, all from one snapshot of the database.
    ///
    /// - Parameter writeManifest: takes the manifest, in pieces; `nil` when nobody wants it.
    func run(
        _ connection: Connection, _ writer: any RowWriter, _ progress: inout Progress,
        _ writeManifest: ((String) throws -> Void)?
    ) throws -> Outcome {
        let copy = try selection.copy(format, connection)
        let query = try selection.query(format, connection)
        try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        do {
            let facts = try Manifest.Facts(selection, connection)
            if format == .csv { try writer.write(header) }
            progress.expects(try estimate(query, connection))
            // The closures share the progress, which an inout parameter cannot be for both.
            var shared = progress
            defer { progress = shared }
            let rows = try connection.copyOut(copy, whileWaiting: { shared.tick() }) { bytes, rows in
                try writer.write(bytes)
                shared.add(rows: rows, bytes: bytes.count)
            }
            let written = try writer.finish()
            let manifest = Manifest(
                selection: selection, format: format, file: file, sql: query, facts: facts)
            if let writeManifest { try manifest.write(rows: rows, written, connection, to: writeManifest) }
            try connection.commit()
            return Outcome(rows: rows, written: written, manifest: manifest)
        } catch {
            try? connection.rollback()
            throw error
        }
    }

    /// The line with the columns' names.
    private var header: [UInt8] {
        [UInt8]((selection.relation.columns.map { CSV.field($0.name) }.joined(separator: ",") + "\n").utf8)
    }

    /// How many rows the planner expects of a table; of a view its guess is too far off to be of use.
    private func estimate(_ query: String, _ connection: Connection) throws -> Int? {
        guard !selection.relation.kind.hasSuffix("view") else { return nil }
        let plan = try connection.execute("EXPLAIN (FORMAT JSON) \(query)").scalar ?? ""
        guard let label = plan.firstRange(of: "\"Plan Rows\":") else { return nil }
        return Int(plan[label.upperBound...].drop(while: \.isWhitespace).prefix { $0.isNumber })
    }
}
