import ArgumentParser
import PostgreSQL

/// Which rows of a relation: a window of time and a set of nodes.
struct Selection {
    /// Half-open: from ≤ value < to. Times are written as PostgreSQL does, in UTC.
    struct Window {
        let column: Relation.Column
        var from: String?
        var to: String?
    }

    struct Node: Equatable {
        let id: String
        let name: String
    }

    let relation: Relation
    /// `nil` when the relation has no natural column of times and none was asked for.
    let window: Window?
    /// `nil` for all nodes.
    let nodes: [Node]?

    /// What the options mean for a relation.
    init(
        _ relation: Relation, from: String?, to: String?, timeColumn: String?, nodes names: [String],
        _ connection: Connection
    ) throws {
        self.relation = relation
        window = try Self.window(relation, from: from, to: to, timeColumn: timeColumn, connection)
        nodes = try names.isEmpty ? nil : Self.nodes(names, of: relation, connection)
    }

    private static func window(
        _ relation: Relation, from: String?, to: String?, timeColumn: String?, _ connection: Connection
    ) throws -> Window? {
        let candidates = relation.timeColumns.map(\.name).joined(separator: ", ")
        let column: Relation.Column
        if let timeColumn {
            guard let named = relation.timeColumns.first(where: { $0.name == timeColumn }) else {
                throw ValidationError(
                    "--time-column: \(relation.name) has no column '\(Cell.safe(timeColumn))' of times"
                        + (candidates.isEmpty ? "" : "; it has \(candidates)"))
            }
            column = named
        } else if let natural = relation.naturalTimeColumn {
            column = natural
        } else {
            guard from != nil || to != nil else { return nil }
            throw ValidationError(
                candidates.isEmpty
                    ? "\(relation.name) has no column of times: leave --from and --to out"
                    : "--from and --to could mean several columns of \(relation.name): choose one with "
                        + "--time-column: \(candidates)")
        }
        var window = Window(column: column)
        window.from = try from.flatMap { try Instant.read($0, option: "--from", connection) }
        window.to = try to.flatMap { try Instant.read($0, option: "--to", connection) }
        if let from = window.from, let to = window.to {
            let isEmpty = try connection.query("SELECT $1::timestamptz >= $2::timestamptz", [from, to])
            guard isEmpty.scalar == "f" else {
                throw ValidationError("the window is empty: --from is \(from), --to is \(to)")
            }
        }
        return window
    }

    private static func nodes(
        _ names: [String], of relation: Relation, _ connection: Connection
    ) throws -> [Node] {
        guard relation.nodeColumn != nil else {
            throw ValidationError(
                "--nodes: the rows of \(relation.name) belong to no single node (no column node_id or node)")
        }
        let known = try connection.execute("SELECT node_id, name FROM node ORDER BY name")
        let nodes = known.rows.map { Node(id: $0[0] ?? "", name: $0[1] ?? "") }
        return try names.map { name in
            if let node = nodes.first(where: { $0.name == name }) { return node }
            let near = SimilarName.nearest(name, in: nodes.map(\.name)).map { ": did you mean \($0)?" } ?? ""
            throw ValidationError(
                "--nodes: there is no node '\(Cell.safe(name))'\(near) "
                    + (nodes.isEmpty ? "No node is known." : "`peerscope nodes` shows all."))
        }
    }

    // MARK: - In SQL

    /// The rows in a format, one column each, or for JSON lines one object a row.
    ///
    /// Times are constants of the column's own type, so that the planner leaves out the partitions of other days.
    func query(_ format: ExportFormat, _ connection: Connection) throws -> String {
        let columns = relation.columns.map { column in
            let name = Connection.identifier(column.name)
            let value = column.type.expression(column.name, format)
            return value == name ? name : "\(value) AS \(name)"
        }
        let conditions = try conditions(connection)
        let rows =
            "SELECT \(columns.joined(separator: ", ")) FROM \(relation.qualifiedName)"
            + (conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND "))
        return format == .jsonl ? "SELECT row_to_json(r) FROM (\(rows)) r" : rows
    }

    /// The COPY that streams the rows.
    func copy(_ format: ExportFormat, _ connection: Connection) throws -> String {
        let query = try query(format, connection)
        // JSON has no control characters, so that nothing in it is ever quoted and a row is the line as it is.
        let options = format == .jsonl ? #"FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02'"# : "FORMAT csv"
        return "COPY (\(query)) TO STDOUT (\(options))"
    }

    private func conditions(_ connection: Connection) throws -> [String] {
        var conditions: [String] = []
        if let window {
            let column = Connection.identifier(window.column.name)
            for (bound, comparison) in [(window.from, ">="), (window.to, "<")] {
                guard let bound else { continue }
                conditions.append(
                    "\(column) \(comparison) \(try Self.constant(bound, window.column.type, connection))")
            }
        }
        if let nodes, let column = relation.nodeColumn {
            let values = nodes.map { column.isNumber ? $0.id : Connection.literal($0.name) }
            conditions.append(
                "\(Connection.identifier(column.name)) IN (\(values.joined(separator: ", ")))")
        }
        return conditions
    }

    /// A time as a constant of a column's type. A day belongs to the window when its beginning does.
    private static func constant(_ time: String, _ type: ColumnType, _ connection: Connection) throws
        -> String
    {
        let sql =
            switch type.oid {
            case 1082: "SELECT t::date + CASE WHEN t = date_trunc('day', t) THEN 0 ELSE 1 END"
            case 1114: "SELECT t::timestamp"
            default: "SELECT t"
            }
        let value = try connection.query(sql + " FROM (SELECT $1::timestamptz AS t) given", [time]).scalar
        let name =
            switch type.oid {
            case 1082: "date"
            case 1114: "timestamp"
            default: "timestamptz"
            }
        return "\(name) \(Connection.literal(value ?? time))"
    }
}
