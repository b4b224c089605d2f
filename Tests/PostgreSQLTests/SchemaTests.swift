import Foundation
import PostgreSQL
import Testing

extension DatabaseTests {
    @Suite("The schema of this repository")
    struct SchemaTests {
        /// `schema` beside `Tests`.
        static let directory = URL(filePath: #filePath).deletingLastPathComponent().resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "schema").path()

        @Test("it migrates an empty database, and a second time does nothing")
        func migrates() throws {
            let migrator = try Migrator(schema: Self.directory)
            let connection = try Connection(freshDatabase())
            let first = try migrator.migrate(connection)
            #expect(first.applied.count == migrator.migrations.count)
            let second = try migrator.migrate(connection)
            #expect(second.applied.isEmpty && !second.viewsReplaced)
            for view in [
                "fleet_health", "block_arrival_skew", "addr_propagation", "stream_audit", "clock_audit",
            ] {
                #expect(try connection.execute("SELECT * FROM peerscope.\(view)").rows.isEmpty)
            }
        }
    }
}
