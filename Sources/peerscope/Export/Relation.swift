import ArgumentParser
import PostgreSQL

/// A table or view of schema peerscope, as the catalogue describes it.
struct Relation: Equatable {
    struct Column: Equatable {
        let name: String
        let type: ColumnType
        let comment: String?
    }

    let name: String
    /// `table`, `table by day`, `partition`, `view` or `materialized view`.
    let kind: String
    let comment: String?
    let columns: [Column]
    /// The column by which a partitioned table is split.
    let partitionKey: String?

    /// Its name in SQL.
    var qualifiedName: String { "peerscope." + Connection.identifier(name) }

    func column(_ name: String) -> Column? { columns.first { $0.name == name } }

    // MARK: - In the catalogue

    private static let kinds = """
        CASE WHEN c.relispartition THEN 'partition' WHEN c.relkind = 'p' THEN 'table by day'
             WHEN c.relkind = 'v' THEN 'view' WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'table' END
        """

    /// The relation called `name`, with or without `peerscope.` before it.
    static func named(_ given: String, _ connection: Connection) throws -> Relation {
        let prefix = "peerscope."
        let name = given.hasPrefix(prefix) ? String(given.dropFirst(prefix.count)) : given
        let found = try connection.query(
            """
            SELECT c.oid, c.relname, \(kinds) AS kind, obj_description(c.oid, 'pg_class') AS comment,
                   (SELECT a.attname FROM pg_partitioned_table p
                    JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
                    WHERE p.partrelid = c.oid) AS partition_key
            FROM pg_class c
            WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND c.relname = $1
            """, [name])
        guard let oid = found.value("oid") else {
            throw ValidationError(
                "there is no table or view '\(Cell.safe(name))' in schema peerscope"
                    + (try nearest(name, connection).map { ": did you mean \($0)?" } ?? "")
                    + " `peerscope export --list` shows all.")
        }
        let columns = try connection.query(
            """
            SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.atttypmod,
                   t.typcategory = 'A' AND t.typelem <> 0 AS is_array,
                   CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem
                        WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS oid,
                   col_description(a.attrelid, a.attnum) AS comment
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
            """, [oid])
        return Relation(
            name: found.value("relname") ?? name, kind: found.value("kind") ?? "table",
            comment: found.value("comment"),
            columns: columns.rows.indices.map { number in
                let row = Row(result: columns, number: number)
                return Column(
                    name: row["attname"] ?? "",
                    type: ColumnType(
                        name: row["type"] ?? "", oid: row["oid"].flatMap { UInt32($0) } ?? 0,
                        isArray: row.isTrue("is_array"),
                        modifier: row["atttypmod"].flatMap { Int($0) } ?? -1),
                    comment: row["comment"])
            },
            partitionKey: found.value("partition_key"))
    }

    /// The names of everything that may be exported: tables by day, other tables, views. Partitions may be too, but
    /// are part of their tables.
    static func names(_ connection: Connection) throws -> [String] {
        try connection.execute(
            """
            SELECT c.relname FROM pg_class c
            WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND NOT c.relispartition
            ORDER BY c.relkind IN ('v', 'm'), c.relkind <> 'p', c.relname
            """
        ).rows.compactMap { $0[0] }
    }

    private static func nearest(_ name: String, _ connection: Connection) throws -> String? {
        SimilarName.nearest(name, in: try names(connection))
    }

    // MARK: - Times and nodes

    /// What columns are called that say when a row happened, the most natural first. The last ones begin a span.
    static let timeNames = [
        "ts", "at", "t0", "episode_at", "first_seen", "minute", "hour", "day", "opened_at", "started_at",
        "added_at", "attached_at", "valid_from", "gap_from", "from",
    ]

    /// Columns that hold times or days.
    var timeColumns: [Column] { columns.filter(\.type.isTime) }

    /// The column by which `--from` and `--to` select: the partition key, else the first of ``timeNames`` that
    /// the relation has, else its only column of times; `nil` when that leaves a choice, or nothing.
    var naturalTimeColumn: Column? {
        let times = timeColumns
        if let partitionKey, let key = times.first(where: { $0.name == partitionKey }) { return key }
        for name in Self.timeNames {
            if let column = times.first(where: { $0.name == name }) { return column }
        }
        return times.count == 1 ? times.first : nil
    }

    /// The column that names a row's node, and whether it does by number.
    var nodeColumn: (name: String, isNumber: Bool)? {
        if column("node_id") != nil { return ("node_id", true) }
        if let column = column("node"), column.type.oid == 25, !column.type.isArray { return ("node", false) }
        return nil
    }
}
