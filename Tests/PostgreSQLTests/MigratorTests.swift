import Foundation
import PostgreSQL
import Testing

extension DatabaseTests {
    @Suite("Migrations")
    struct MigratorTests {
        static let first = Migrator.Script(
            version: 1, name: "0001_first.sql",
            sql: "CREATE TABLE peerscope.a (n int); SET search_path = pg_catalog;")
        static let second = Migrator.Script(
            version: 2, name: "0002_second.sql",
            sql: "ALTER TABLE peerscope.a ALTER n TYPE bigint; INSERT INTO peerscope.a VALUES (2);")
        static let view = Migrator.Script(
            version: 0, name: "a_sum.sql",
            sql: "CREATE VIEW peerscope.a_sum AS SELECT sum(n) AS s FROM peerscope.a;")

        @Test("they run in the order of their numbers, once")
        func order() throws {
            let connection = try Connection(freshDatabase())
            #expect(try Migrator.version(of: connection) == 0)
            let migrator = try Migrator(migrations: [Self.second, Self.first], views: [Self.view])
            var told: [String] = []
            let outcome = try migrator.migrate(connection) { told.append($0) }
            #expect(outcome.applied == ["0001_first.sql", "0002_second.sql"])
            #expect(outcome.version == 2 && outcome.viewsReplaced)
            #expect(told == ["0001_first.sql", "0002_second.sql", "views/a_sum.sql"])
            let second = try migrator.migrate(connection)
            #expect(second.applied.isEmpty && !second.viewsReplaced && second.version == 2)
            #expect(try Migrator.version(of: connection) == 2)
            #expect(try connection.execute("SELECT s FROM peerscope.a_sum").scalar == "2")
            #expect(try connection.execute("SHOW search_path").scalar == "\"$user\", public")
            #expect(
                try connection.execute(
                    "SELECT count(*) FROM peerscope.schema_migration WHERE length(sha256) = 32"
                )
                .scalar == "3")
        }

        @Test("a file that changed after it was applied is refused, with what to do")
        func changed() throws {
            let connection = try Connection(freshDatabase())
            try Migrator(migrations: [Self.first]).migrate(connection)
            let edited = Migrator.Script(version: 1, name: "0001_first.sql", sql: Self.first.sql + " ")
            let fault = fault { try Migrator(migrations: [edited]).migrate(connection) }
            #expect(fault?.message.contains("differs from what was applied") == true)
            #expect(fault?.hint?.contains("new migration") == true)
        }

        @Test("a failing migration leaves nothing of itself and keeps those before it")
        func rollsBack() throws {
            let connection = try Connection(freshDatabase())
            let bad = Migrator.Script(
                version: 2, name: "0002_bad.sql", sql: "CREATE TABLE peerscope.b (n int); SELECT 1/0;")
            let fault = fault { try Migrator(migrations: [Self.first, bad]).migrate(connection) }
            #expect(fault?.operation == "applying 0002_bad.sql")
            #expect(fault?.code == "22012")
            #expect(try Migrator.version(of: connection) == 1)
            #expect(try connection.execute("SELECT to_regclass('peerscope.b')").scalar == nil)
            // Other tests hold locks in databases of their own.
            let held = try connection.execute(
                """
                SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                 WHERE locktype = 'advisory' AND d.datname = current_database()
                """)
            #expect(held.scalar == "0")
            try Migrator(migrations: [Self.first, Self.second]).migrate(connection)
            #expect(try Migrator.version(of: connection) == 2)
        }

        @Test("a script that ends its transaction by itself is refused")
        func ownTransaction() throws {
            let connection = try Connection(freshDatabase())
            let bad = Migrator.Script(version: 1, name: "0001_bad.sql", sql: "COMMIT;")
            let fault = fault { try Migrator(migrations: [bad]).migrate(connection) }
            #expect(fault?.hint?.contains("BEGIN") == true)
        }

        @Test("views are made anew when a file changes, and dropped when it goes")
        func views() throws {
            let connection = try Connection(freshDatabase())
            try Migrator(migrations: [Self.first], views: [Self.view]).migrate(connection)
            let other = Migrator.Script(
                version: 0, name: "b.sql", sql: "CREATE VIEW peerscope.b AS SELECT * FROM peerscope.c;")
            let base = Migrator.Script(
                version: 0, name: "a.sql", sql: "CREATE VIEW peerscope.c AS SELECT 5 AS five;")
            let outcome = try Migrator(migrations: [Self.first], views: [other, base]).migrate(connection)
            #expect(outcome.viewsReplaced)
            #expect(try connection.execute("SELECT five FROM peerscope.b").scalar == "5")
            #expect(try connection.execute("SELECT to_regclass('peerscope.a_sum')").scalar == nil)
        }

        @Test("a migration may change what a view stands on")
        func underViews() throws {
            let connection = try Connection(freshDatabase())
            try Migrator(migrations: [Self.first], views: [Self.view]).migrate(connection)
            let outcome = try Migrator(migrations: [Self.first, Self.second], views: [Self.view])
                .migrate(connection)
            #expect(outcome.applied == ["0002_second.sql"] && outcome.viewsReplaced)
            #expect(try connection.execute("SELECT s FROM peerscope.a_sum").scalar == "2")
        }

        @Test("a view that fails leaves the views as they were")
        func failingView() throws {
            let connection = try Connection(freshDatabase())
            try Migrator(migrations: [Self.first], views: [Self.view]).migrate(connection)
            let bad = Migrator.Script(
                version: 0, name: "b.sql", sql: "CREATE VIEW peerscope.b AS SELECT nothing;")
            let fault = fault { try Migrator(migrations: [Self.first], views: [bad]).migrate(connection) }
            #expect(fault?.operation == "applying views/b.sql")
            #expect(try connection.execute("SELECT to_regclass('peerscope.a_sum')").scalar != nil)
        }

        @Test("a database of a newer program and a number out of turn are refused")
        func foreign() throws {
            let connection = try Connection(freshDatabase())
            try connection.execute("CREATE SCHEMA peerscope; CREATE TABLE peerscope.a (n int)")
            try Migrator(migrations: [Self.second]).migrate(connection)
            let older = fault { try Migrator(migrations: [Self.first]).migrate(connection) }
            #expect(older?.hint?.contains("upgrade") == true)
            let late = fault { try Migrator(migrations: [Self.first, Self.second]).migrate(connection) }
            #expect(late?.hint?.contains("above 2") == true)
            #expect(throws: PostgreSQLError.self) { try Migrator(migrations: [Self.first, Self.first]) }
        }

        @Test("two programs that start together migrate once")
        func together() async throws {
            let conninfo = try freshDatabase()
            let slow = Migrator.Script(
                version: 3, name: "0003_slow.sql",
                sql: "SELECT pg_sleep(0.3); CREATE TABLE peerscope.slow (n int);")
            let migrator = try Migrator(migrations: [Self.first, Self.second, slow], views: [Self.view])
            let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<2 {
                    group.addTask { try migrator.migrate(Connection(conninfo)).applied.count }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(applied.sorted() == [0, 3])
        }

        @Test("files are read by number, and other names are refused")
        func files() async throws {
            try await withTemporaryDirectory { directory in
                let files = FileManager.default
                try files.createDirectory(
                    atPath: directory + "/migrations", withIntermediateDirectories: true)
                #expect(fault { _ = try Migrator(schema: directory) }?.hint?.contains("--schema") == true)
                #expect(
                    fault { _ = try SchemaFiles.locate(argument: directory) }?.message.contains("--schema")
                        == true)
                try "SELECT 1".write(
                    toFile: directory + "/migrations/0001_a.sql", atomically: true, encoding: .utf8)
                #expect(try Migrator(schema: directory).migrations.map(\.version) == [1])
                #expect(try SchemaFiles.locate(argument: directory) == directory)
                try "".write(toFile: directory + "/migrations/2_b.sql", atomically: true, encoding: .utf8)
                #expect(
                    fault { _ = try Migrator(schema: directory) }?.message.contains("NNNN_what.sql") == true)
            }
        }
    }
}
