import Foundation

/// A PostgreSQL server of a test's own, on a disk of its own, that is treated badly.
///
/// It listens on a port of loopback for the aggregators and on a socket for the test, which comes as superuser.
final class PrivatePostgres {
    let disk: LoopDisk
    let port: Int
    private let folder: String
    private let binaries: String
    private var data: String { disk.path + "/data" }

    init(folder: String) throws {
        self.folder = folder
        binaries = try Program.run("/usr/bin/pg_config", ["--bindir"])
            .trimmingCharacters(in: .whitespacesAndNewlines)
        disk = try LoopDisk(folder + "/postgres", megabytes: 900, image: folder + "/postgres.img")
        port = try Self.freePort()
        do { try setUp() } catch {
            remove()
            throw error
        }
    }

    private func setUp() throws {
        try Program.run("/bin/chown", ["postgres", disk.path])
        try FileManager.default.createDirectory(atPath: socket, withIntermediateDirectories: true)
        try Program.run("/bin/chown", ["postgres", socket])
        try asServer(
            "initdb", ["-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C", "--auth=trust"])
        // The page cache outlives every death here, so nothing has to wait for the disk.
        let settings = """

            listen_addresses = '127.0.0.1'
            port = \(port)
            unix_socket_directories = '\(socket)'
            max_connections = 40
            shared_buffers = 64MB
            fsync = off
            max_wal_size = 128MB
            min_wal_size = 32MB
            timezone = 'UTC'

            """
        let file = try FileHandle(forWritingTo: URL(filePath: data + "/postgresql.conf"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(settings.utf8))
        try file.close()
        try start()
        try sql("CREATE ROLE peerscope LOGIN CREATEROLE", database: "postgres")
        try sql("CREATE DATABASE peerscope OWNER peerscope", database: "postgres")
    }

    private var socket: String { folder + "/socket" }

    private func asServer(_ program: String, _ arguments: [String]) throws {
        // As the daemon it starts keeps its output open, it goes to a file and not to a pipe.
        try Program.run(
            "/sbin/runuser", ["-u", "postgres", "--", "\(binaries)/\(program)"] + arguments)
    }

    static func freePort() throws -> Int {
        let probe = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(probe, $0, length) == 0 && getsockname(probe, $0, &length) == 0
            }
        }
        guard bound else { throw FleetFailure("no free port") }
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    // MARK: - Running

    /// Starts it, also after a death whose remains are still there.
    func start() throws {
        let deadline = Date().addingTimeInterval(60)
        while true {
            do {
                return try asServer(
                    "pg_ctl", ["-D", data, "-l", socket + "/log", "-w", "-t", "60", "-s", "start"])
            } catch {
                if isAnswering { return }
                guard Date() < deadline else { throw error }
                usleep(200_000)
            }
        }
    }

    func stop(_ mode: String) throws {
        try asServer("pg_ctl", ["-D", data, "-w", "-t", "60", "-s", "-m", mode, "stop"])
    }

    private var isAnswering: Bool { (try? sql("SELECT 1", database: "postgres")) == "1" }

    /// Starts it unless it runs.
    func ensureRunning() throws { if !isAnswering { try start() } }

    var postmaster: pid_t? {
        (try? String(contentsOfFile: data + "/postmaster.pid", encoding: .utf8))?
            .split(separator: "\n").first.flatMap { pid_t($0) }
    }

    /// Its processes, the postmaster first.
    var processes: [pid_t] {
        guard let postmaster else { return [] }
        let children =
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?
            .compactMap { pid_t($0) }.filter { Self.parent(of: $0) == postmaster } ?? []
        return [postmaster] + children
    }

    private static func parent(of pid: pid_t) -> pid_t? {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let name = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        return fields.count > 1 ? pid_t(fields[1]) : nil
    }

    func signalAll(_ signal: Int32) { for pid in processes { kill(pid, signal) } }

    // MARK: - Asking

    /// One query's rows, columns separated by `|`, as superuser.
    @discardableResult
    func sql(_ query: String, database: String = "peerscope") throws -> String {
        let (status, text) = try Program.output(
            binaries + "/psql",
            [
                // What is made read-only for the aggregators is not so for the test.
                "host=\(socket) port=\(port) user=postgres dbname=\(database) options='-c default_transaction_read_only=off'",
                "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", query,
            ])
        guard status == 0 else { throw FleetFailure("\(query)\n\(text)") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A session that does `query` and stays until ``endSessions()``.
    func session(_ query: String) throws -> Program {
        try Program(
            binaries + "/psql",
            [
                "host=\(socket) port=\(port) user=postgres dbname=peerscope application_name=fault", "-X",
                "-q",
                "-c", query + "; SELECT pg_sleep(3600)",
            ], log: folder + "/session.log")
    }

    /// Ends them; without a word their backends would go on without their client.
    func endSessions() throws {
        try sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fault'")
    }

    /// Writes the database to a file that `pg_restore` reads.
    func dump(to path: String) {
        _ = try? Program.output(
            binaries + "/pg_dump",
            ["-Fc", "-f", path, "host=\(socket) port=\(port) user=postgres dbname=peerscope"])
    }

    func remove() {
        signalAll(SIGCONT)
        disk.thaw()
        disk.makeRoom()
        try? stop("immediate")
        if let postmaster { kill(postmaster, SIGKILL) }
        usleep(300_000)
        disk.remove()
    }
}
