/// Brings a database to the schema of this program: migrations forward, views as they are now.
///
/// Migrations are `NNNN_name.sql` in `schema/migrations`, applied once each, in the order of their numbers, in
/// one transaction each together with their entry in `peerscope.schema_migration`. What was applied must not
/// change: its SHA-256 is kept and compared. Views are `schema/views/*.sql`: when the set of files differs
/// from what was applied last, all views of schema `peerscope` are dropped and the files run in the order
/// of their names, in one transaction. A migration finds no views, so that it may change what they stand on;
/// they are made anew after it.
///
/// A session-level advisory lock is held meanwhile, so that several programs can start together.
public struct Migrator: Sendable {
    /// One file of SQL.
    public struct Script: Sendable, Equatable {
        /// The number of a migration, 0 for views.
        public let version: Int
        /// The file's name.
        public let name: String
        /// The file's content.
        public let sql: String

        /// A script under a name of the form `NNNN_what.sql`.
        public init(version: Int, name: String, sql: String) {
            self.version = version
            self.name = name
            self.sql = sql
        }
    }

    /// What a run did.
    public struct Outcome: Sendable, Equatable {
        /// Names of the migrations applied now.
        public var applied: [String] = []
        /// Whether the views were made anew.
        public var viewsReplaced = false
        /// The version of the schema now; 0 when there is no migration at all.
        public var version = 0
    }

    /// The migrations in the order of their versions.
    public let migrations: [Script]
    /// The views' files in the order of their names.
    public let views: [Script]

    /// A migrator of scripts that are at hand.
    public init(migrations: [Script], views: [Script] = []) throws(PostgreSQLError) {
        self.migrations = migrations.sorted { $0.version < $1.version }
        self.views = views.sorted { $0.name < $1.name }
        for (one, next) in zip(self.migrations, self.migrations.dropFirst()) where one.version == next.version
        {
            throw PostgreSQLError(
                message: "\(one.name) and \(next.name) have the same number",
                hint: "give the newer one the next free number", operation: "reading the migrations")
        }
    }

    /// A migrator of the files under `schema`, a directory with `migrations/` and perhaps `views/`.
    public init(schema: String) throws(PostgreSQLError) {
        let operation = "reading the schema in \(schema)"
        func scripts(_ folder: String, numbered: Bool) throws(PostgreSQLError) -> [Script] {
            var scripts: [Script] = []
            for name in FileSystem.names(in: schema + "/" + folder) where name.hasSuffix(".sql") {
                guard let sql = FileSystem.read("\(schema)/\(folder)/\(name)") else {
                    throw PostgreSQLError(
                        message: "cannot read \(folder)/\(name)", hint: "is it readable for this user?",
                        operation: operation)
                }
                let digits = name.prefix { $0.isASCII && $0.isNumber }
                guard !numbered || (digits.count == 4 && name.dropFirst(4).hasPrefix("_")) else {
                    throw PostgreSQLError(
                        message: "\(folder)/\(name) is not named NNNN_what.sql",
                        hint: "rename it, with the next free number", operation: operation)
                }
                scripts.append(Script(version: numbered ? Int(digits) ?? 0 : 0, name: name, sql: sql))
            }
            return scripts
        }
        let migrations = try scripts("migrations", numbered: true)
        guard !migrations.isEmpty else {
            throw PostgreSQLError(
                message: "there are no migrations in \(schema)/migrations",
                hint: "name the directory with --schema or $PEERSCOPE_SCHEMA", operation: operation)
        }
        try self.init(migrations: migrations, views: scripts("views", numbered: false))
    }

    /// "peerscop" as a number: the advisory lock of all migrators.
    private static let lock: Int64 = 0x7065_6572_7363_6f70

    /// Applies what is missing.
    ///
    /// - Parameter report: told every script's name before it runs.
    /// - Returns: what was done; nothing when the database was as it should be.
    @discardableResult
    public func migrate(
        _ connection: Connection, report: (String) -> Void = { _ in }
    ) throws(PostgreSQLError) -> Outcome {
        try connection.execute("SELECT pg_advisory_lock(\(Self.lock))")
        let outcome: Outcome
        do throws(PostgreSQLError) {
            outcome = try apply(connection, report)
        } catch {
            // The lock ends with the connection if it cannot be given back.
            try? connection.rollback()
            _ = try? connection.execute("SELECT pg_advisory_unlock(\(Self.lock))")
            throw error
        }
        try connection.execute("SELECT pg_advisory_unlock(\(Self.lock))")
        return outcome
    }

    /// The version that a database has; 0 without a schema.
    public static func version(of connection: Connection) throws(PostgreSQLError) -> Int {
        guard try connection.execute("SELECT to_regclass('peerscope.schema_migration')").scalar != nil else {
            return 0
        }
        let newest = try connection.execute(
            "SELECT coalesce(max(version), 0) FROM peerscope.schema_migration")
        return newest.scalar.flatMap { Int($0) } ?? 0
    }

    // MARK: - Applying

    /// The version under which the views' checksum is kept: a row that is no migration.
    private static let viewsVersion = 0

    private func apply(
        _ connection: Connection, _ report: (String) -> Void
    ) throws(PostgreSQLError) -> Outcome {
        try connection.execute("SET client_min_messages = warning")
        if try connection.execute("SELECT to_regclass('peerscope.schema_migration')").scalar == nil {
            try connection.execute(
                """
                BEGIN;
                CREATE SCHEMA IF NOT EXISTS peerscope;
                CREATE TABLE peerscope.schema_migration (
                    version    int         PRIMARY KEY,
                    name       text        NOT NULL,
                    sha256     bytea       NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
                );
                COMMENT ON TABLE peerscope.schema_migration IS
                    'Migrations applied to this database, in their order; version 0 stands for the views.';
                COMMENT ON COLUMN peerscope.schema_migration.version IS
                    'Number in the file''s name; 0 for the set of all view files.';
                COMMENT ON COLUMN peerscope.schema_migration.name IS 'File under schema/migrations.';
                COMMENT ON COLUMN peerscope.schema_migration.sha256 IS
                    'SHA-256 of the file as it was applied; a file that changed afterwards is refused.';
                COMMENT ON COLUMN peerscope.schema_migration.applied_at IS 'When it was applied.';
                COMMIT
                """)
        }
        let history = try connection.execute(
            "SELECT version, name, encode(sha256, 'hex') FROM peerscope.schema_migration ORDER BY version")
        var applied: [Int: (name: String, checksum: String)] = [:]
        for row in history.rows {
            if let version = row[0].flatMap({ Int($0) }) { applied[version] = (row[1] ?? "", row[2] ?? "") }
        }
        try refuseForeignFuture(applied.mapValues(\.name))

        var outcome = Outcome()
        let newest = applied.keys.max() ?? 0
        for script in migrations {
            let operation = "applying \(script.name)"
            let checksum = try Self.checksum(script.sql, connection)
            if let before = applied[script.version] {
                guard before.checksum == checksum else {
                    throw PostgreSQLError(
                        message: "the file differs from what was applied to this database as \(before.name)",
                        detail: "sha256 was \(before.checksum.prefix(12))…, is \(checksum.prefix(12))…",
                        hint: "take the file back to what it was and put the change into a new migration",
                        operation: operation)
                }
            } else {
                guard script.version > newest else {
                    throw PostgreSQLError(
                        message: "its number is below \(newest), which is applied already",
                        hint: "migrations go forward only: give it a number above \(newest)",
                        operation: operation)
                }
                report(script.name)
                try connection.begin()
                try dropViews(connection)
                try run(script, operation, connection)
                try record(script.version, script.name, checksum, connection)
                try connection.commit()
                outcome.applied.append(script.name)
            }
            outcome.version = script.version
        }
        // Every name and content, each with its length before it, so that no two sets look alike.
        let whole = views.map { "\($0.name.utf8.count) \($0.name) \($0.sql.utf8.count) \($0.sql)" }.joined()
        let checksum = try Self.checksum(whole, connection)
        // A migration dropped them, in this run or in an earlier one that did not come this far.
        guard applied[Self.viewsVersion]?.checksum != checksum || !outcome.applied.isEmpty else {
            return outcome
        }
        try replaceViews(connection, report)
        try record(Self.viewsVersion, "views", checksum, connection)
        try connection.commit()
        outcome.viewsReplaced = true
        return outcome
    }

    /// A database that knows a migration which this program does not was made by a newer program.
    private func refuseForeignFuture(_ applied: [Int: String]) throws(PostgreSQLError) {
        let known = Set(migrations.map(\.version))
        let unknown = applied.keys.filter { $0 != Self.viewsVersion && !known.contains($0) }.sorted()
        guard let first = unknown.first else { return }
        throw PostgreSQLError(
            message:
                "the database has migration \(applied[first] ?? String(first)), which this program lacks",
            hint: "a newer program migrated it: upgrade this one; there is no way back",
            operation: "migrating the database")
    }

    /// Runs a script in the open transaction, which must be open still afterwards.
    private func run(
        _ script: Script, _ operation: String, _ connection: Connection
    ) throws(PostgreSQLError) {
        do throws(PostgreSQLError) {
            try connection.execute(script.sql)
        } catch {
            var fault = error
            fault.operation = operation
            throw fault
        }
        guard connection.isInTransaction else {
            throw PostgreSQLError(
                message: "the script ended its transaction by itself",
                hint: "leave BEGIN, COMMIT and ROLLBACK out: each script is one transaction",
                operation: operation)
        }
        // What the script set for itself must not last.
        try connection.execute("RESET search_path")
    }

    private func replaceViews(
        _ connection: Connection, _ report: (String) -> Void
    ) throws(PostgreSQLError) {
        try connection.begin()
        try dropViews(connection)
        for view in views {
            report("views/" + view.name)
            try run(view, "applying views/\(view.name)", connection)
        }
    }

    /// Drops every view of the schema and of the one made for sharing, and forgets which were applied.
    private func dropViews(_ connection: Connection) throws(PostgreSQLError) {
        let old = try connection.execute(
            """
            SELECT format('DROP %s IF EXISTS %I.%I CASCADE',
                          CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, nspname, relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE nspname IN ('peerscope', 'peerscope_public') AND relkind IN ('v', 'm')
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
            """)
        for drop in old.rows.compactMap({ $0[0] }) { try connection.execute(drop) }
        try connection.execute("DELETE FROM peerscope.schema_migration WHERE version = \(Self.viewsVersion)")
    }

    private func record(
        _ version: Int, _ name: String, _ checksum: String, _ connection: Connection
    ) throws(PostgreSQLError) {
        try connection.query(
            """
            INSERT INTO peerscope.schema_migration (version, name, sha256)
            VALUES ($1::int, $2, decode($3, 'hex'))
            ON CONFLICT (version) DO UPDATE
            SET name = excluded.name, sha256 = excluded.sha256, applied_at = clock_timestamp()
            """, [String(version), name, checksum])
    }

    /// PostgreSQL's own SHA-256 of a text, as hexadecimal digits.
    private static func checksum(_ text: String, _ connection: Connection) throws(PostgreSQLError) -> String {
        let answer = try connection.query(
            "SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')", [text])
        guard let checksum = answer.scalar else {
            throw PostgreSQLError(message: "no checksum", operation: "computing a checksum")
        }
        return checksum
    }
}
