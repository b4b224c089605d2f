import Foundation
import PostgreSQL
import Testing

/// Every view on ten million events: `Tests/Volume/run.sh`, which prints what each read and took.
@Suite("Ten million events", .server)
struct VolumeTests {
    @Test("no view scans an event table, or reads more the more days there are")
    func views() throws {
        let conninfo = try freshDatabase()
        try Migrator(schema: DatabaseTests.SchemaTests.directory).migrate(Connection(conninfo))
        let process = Process()
        process.executableURL = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Volume/run.sh")
        process.arguments = [conninfo]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        print(text)
        #expect(process.terminationStatus == 0, "\(text)")
    }
}
