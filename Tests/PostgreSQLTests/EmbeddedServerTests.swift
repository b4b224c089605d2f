import Foundation
import Glibc
import PostgreSQL
import Testing

@Suite("The embedded server", .serialized)
struct EmbeddedServerTests {
    static let files = FileManager.default

    @Test("it starts, is found running, keeps its data over stop, kill -9 and restart, and leaves no process")
    func life() async throws {
        try await withTemporaryDirectory { directory in
            #expect(!EmbeddedServer.isRunning(directory: directory))
            var told: [String] = []
            let server = try EmbeddedServer.start(directory: directory) { told.append($0) }
            #expect(!server.wasRunning && server.isRunning && EmbeddedServer.isRunning(directory: directory))
            #expect(told.count == 2)
            let connection = try Connection(server.conninfo)
            try connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
            let answers = try connection.execute(
                """
                SELECT current_user, current_database(), current_setting('listen_addresses'),
                       current_setting('server_encoding'), current_setting('shared_buffers'),
                       current_setting('max_wal_size'), current_setting('TimeZone')
                """)
            #expect(answers.rows == [["peerscope", "peerscope", "", "UTF8", "256MB", "2GB", "UTC"]])

            let killed = try #require(server.processID)
            #expect(kill(killed, SIGKILL) == 0)
            let again = try EmbeddedServer.start(directory: directory)
            #expect(!again.wasRunning)
            #expect(try Connection(again.conninfo).execute("SELECT n FROM kept").scalar == "42")

            // The first holder is still there: the server goes on until it leaves, too.
            try again.stop()
            #expect(again.isRunning)
            try server.stop()
            #expect(!server.isRunning)
            try server.stop()
            #expect(!Self.files.fileExists(atPath: directory + "/socket"))

            let third = try EmbeddedServer.start(directory: directory)
            #expect(try Connection(third.conninfo).execute("SELECT n FROM kept").scalar == "42")
            try third.stop()
        }
    }

    @Test("a visitor leaves it as it was found")
    func visitor() async throws {
        try await withTemporaryDirectory { directory in
            let visitor = try EmbeddedServer.start(directory: directory, lifetime: .asFound)
            let other = try EmbeddedServer.start(directory: directory, lifetime: .asFound)
            #expect(other.wasRunning)
            try visitor.stop()
            #expect(other.isRunning)
            try other.stop()
            #expect(!other.isRunning)

            let resident = try EmbeddedServer.start(directory: directory, lifetime: .keepRunning)
            try resident.stop()
            let guest = try EmbeddedServer.start(directory: directory, lifetime: .asFound)
            #expect(guest.wasRunning)
            try guest.stop()
            #expect(guest.isRunning)

            // An owner adopts what runs, and a guest that outlives it turns off the light.
            let owner = try EmbeddedServer.start(directory: directory, lifetime: .owner)
            let late = try EmbeddedServer.start(directory: directory, lifetime: .asFound)
            try owner.stop()
            #expect(late.isRunning)
            try late.stop()
            #expect(!late.isRunning)

            let last = try EmbeddedServer.start(directory: directory, lifetime: .keepRunning)
            try EmbeddedServer.shutDown(directory: directory)
            #expect(!last.isRunning)
        }
    }

    @Test("two programs may start it at once")
    func together() async throws {
        try await withTemporaryDirectory { directory in
            let found = try await withThrowingTaskGroup(of: EmbeddedServer.self) { group in
                for _ in 0..<2 { group.addTask { try EmbeddedServer.start(directory: directory) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(found.map(\.wasRunning).contains(true) && found.map(\.wasRunning).contains(false))
            for server in found { try server.stop() }
            #expect(!EmbeddedServer.isRunning(directory: directory))
        }
    }

    @Test("a path longer than a socket's address, with spaces and quotes, will do")
    func longPath() async throws {
        try await withTemporaryDirectory { directory in
            let long = directory + "/it's \"$(a)\" long" + String(repeating: "/0123456789abcdef", count: 10)
            #expect(long.utf8.count > 107)
            let server = try EmbeddedServer.start(directory: long)
            #expect(try Connection(server.conninfo).execute("SELECT 1").scalar == "1")
            try server.stop()
        }
    }

    @Test("a socket directory that was cleaned away is made anew, and a stale pid file does not matter")
    func stale() async throws {
        try await withTemporaryDirectory { directory in
            let server = try EmbeddedServer.start(directory: directory)
            let socket = try String(contentsOfFile: directory + "/socket", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            kill(try #require(server.processID), SIGKILL)
            while server.isRunning { usleep(1000) }
            try Self.files.removeItem(atPath: socket)
            // The number of a living process that is no server: this one.
            let pidFile = directory + "/data/postmaster.pid"
            let old = try String(contentsOfFile: pidFile, encoding: .utf8).split(separator: "\n").dropFirst()
            try ([String(getpid())] + old.map(String.init)).joined(separator: "\n")
                .write(toFile: pidFile, atomically: false, encoding: .utf8)
            let again = try EmbeddedServer.start(directory: directory)
            #expect(try Connection(again.conninfo).execute("SELECT 1").scalar == "1")
            #expect(!again.conninfo.contains(socket))
            try again.stop()
            try server.stop()
        }
    }

    @Test("the server is not root's, and only it and root can reach the socket")
    func privileges() async throws {
        try await withTemporaryDirectory { directory in
            let server = try EmbeddedServer.start(directory: directory)
            let pid = try #require(server.processID)
            #expect(try Self.files.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountID] as? Int != 0)
            let socket = try String(contentsOfFile: directory + "/socket", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(socket.utf8.count < 60)
            #expect(try Self.files.attributesOfItem(atPath: socket)[.posixPermissions] as? Int == 0o700)
            try server.stop()
            #expect(!Self.files.fileExists(atPath: socket))
        }
    }

    @Test(
        "a folder that cannot be made is an error with what to do",
        arguments: ["/proc/peerscope", "/dev/null/db"])
    func unwritable(directory: String) {
        let fault = fault { _ = try EmbeddedServer.start(directory: directory) }
        #expect(fault?.message.contains(directory) == true)
        #expect(fault?.hint?.contains("choose a directory") == true)
    }

    @Test("a folder whose parent is closed to the server's user is named", .enabled(if: geteuid() == 0))
    func closedParent() async throws {
        try await withTemporaryDirectory { directory in
            try Self.files.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let fault = fault { _ = try EmbeddedServer.start(directory: directory + "/a/b") }
            #expect(fault?.message.contains("cannot pass through \(directory) ") == true)
            #expect(fault?.hint?.contains("chmod o+x \(directory)") == true)
        }
    }

    @Test("a folder with other things, and one of another major version, are refused")
    func foreign() async throws {
        try await withTemporaryDirectory { directory in
            try Self.files.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try "mine".write(toFile: directory + "/thesis.tex", atomically: true, encoding: .utf8)
            #expect(
                fault { _ = try EmbeddedServer.start(directory: directory) }?.message.contains("thesis.tex")
                    == true)
            try Self.files.createDirectory(atPath: directory + "/data", withIntermediateDirectories: true)
            unsafe chown(directory + "/data", 1, 1)
            #expect(
                fault { _ = try EmbeddedServer.start(directory: directory) }?.message.contains("PG_VERSION")
                    == true)
            try "9.6\n".write(toFile: directory + "/data/PG_VERSION", atomically: true, encoding: .utf8)
            let version = fault { _ = try EmbeddedServer.start(directory: directory) }
            #expect(version?.message.contains("made by PostgreSQL 9") == true)
            #expect(version?.hint?.contains("apt install postgresql-9") == true)
        }
    }
}
