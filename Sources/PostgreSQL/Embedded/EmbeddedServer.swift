internal import Glibc
internal import Synchronization

/// A private PostgreSQL under one directory: `embedded:DIR`.
///
/// ```
/// DIR/data              PostgreSQL's data directory, of an unprivileged user
/// DIR/postgres.log      what the server says
/// DIR/socket            where its socket is while it runs: a short directory under /run or /tmp
/// DIR/start.lock        held while somebody starts or stops it
/// DIR/users.lock        held, shared, by every program that uses it
/// DIR/stop-when-unused  exists when the last program that leaves stops it
/// ```
///
/// The server listens on no network. Its socket's directory has mode 0700, so that only the server's user and
/// root can connect, as the superuser `peerscope` to the database `peerscope`. When root starts it, it runs as
/// the `postgres` system user (see `ServerUser` for the others). Its settings stand at the end of
/// `DIR/data/postgresql.conf` and may be edited.
///
/// Several programs may start it at the same time and use it together. A server that was killed, a stale pid
/// file and a socket directory that somebody cleaned away are set right by the next start.
public final class EmbeddedServer: Sendable {
    /// When the server ends.
    public enum Lifetime: Sendable {
        /// With the program that holds it, or with the last other program that still uses it then.
        case owner
        /// Left as it was found: stopped afterwards only if it was down before.
        case asFound
        /// Goes on until ``EmbeddedServer/shutDown(directory:)``.
        case keepRunning
    }

    /// The directory, absolute and without links.
    public let directory: String
    /// How to connect to it.
    public let conninfo: String
    /// Whether it ran already when this program came.
    public let wasRunning: Bool
    /// The directory of PostgreSQL's programs that belong to it.
    public let binaries: Binaries
    private let lifetime: Lifetime
    private let use: Mutex<UseBox>

    /// What is given back by `stop`.
    private struct UseBox: ~Copyable {
        var users: FileLock?
    }

    private init(
        directory: String, conninfo: String, wasRunning: Bool, binaries: Binaries, lifetime: Lifetime,
        users: consuming FileLock
    ) {
        self.directory = directory
        self.conninfo = conninfo
        self.wasRunning = wasRunning
        self.binaries = binaries
        self.lifetime = lifetime
        use = Mutex(UseBox(users: users))
    }

    deinit { try? stop() }

    // MARK: - Starting

    /// Makes the server if there is none, starts it unless it runs, and waits until it answers.
    ///
    /// - Parameters:
    ///   - path: the directory; made if it is missing.
    ///   - lifetime: what ``stop()`` does.
    ///   - makesMissing: whether a database that is not there is made; else that is an error.
    ///   - report: told in words what takes time.
    public static func start(
        directory path: String, lifetime: Lifetime = .owner, makesMissing: Bool = true,
        report: (String) -> Void = { _ in }
    ) throws(PostgreSQLError) -> EmbeddedServer {
        let operation = "starting the embedded PostgreSQL in \(path)"
        guard makesMissing || FileSystem.status(FileSystem.absolute(path) + "/data") != nil else {
            throw PostgreSQLError(
                message: "there is no database in \(FileSystem.absolute(path))",
                hint: "is the path right? `peerscope-aggregator` makes the database", operation: operation)
        }
        let directory = try prepared(path, operation)
        let data = directory + "/data"
        let starting = try FileLock(directory + "/start.lock", operation: operation)
        starting.lockAlone()
        let users = try FileLock(directory + "/users.lock", operation: operation)
        users.lockTogether()

        let user = try ServerUser.choose(directory: directory, data: data, operation: operation)
        let binaries = try Binaries.locate(major: try majorVersion(of: data, operation))
        let marker = directory + "/stop-when-unused"
        if let postmaster = Postmaster.running(data: data) {
            let conninfo = conninfo(postmaster, user)
            try waitUntilReady(conninfo, postmaster, operation)
            if lifetime != .asFound { FileSystem.remove(marker) }
            return EmbeddedServer(
                directory: directory, conninfo: conninfo, wasRunning: true, binaries: binaries,
                lifetime: lifetime, users: users)
        }

        if FileSystem.status(data) == nil {
            report("making a PostgreSQL \(binaries.major) database in \(directory)")
            try initialise(directory, user, binaries, operation)
        }
        try waitForRemains(data, operation)
        let socketDirectory = try socketDirectory(noted: directory + "/socket", user, operation)
        report("starting PostgreSQL \(binaries.major) in \(directory)")
        // Before the server runs, so that one whose starter dies early is not left for ever.
        do throws(PostgreSQLError) {
            if lifetime == .asFound {
                try write("", to: marker, operation)
            } else {
                FileSystem.remove(marker)
            }
            try launch(directory, socketDirectory, user, binaries, operation)
        } catch {
            forgetSocket(directory)
            FileSystem.remove(marker)
            throw error
        }
        guard let postmaster = Postmaster.running(data: data) else {
            throw failure("the server ended right after its start", log: directory, from: 0, operation)
        }
        let conninfo = conninfo(postmaster, user)
        try waitUntilReady(conninfo, postmaster, operation)
        return EmbeddedServer(
            directory: directory, conninfo: conninfo, wasRunning: false, binaries: binaries,
            lifetime: lifetime, users: users)
    }

    /// Whether the server runs.
    public var isRunning: Bool { processID != nil }

    /// The server's process, while it runs.
    public var processID: Int32? { Postmaster.running(data: directory + "/data")?.pid }

    /// Whether a server runs under `path`.
    public static func isRunning(directory path: String) -> Bool {
        guard let directory = FileSystem.resolved(path) else { return false }
        return Postmaster.running(data: directory + "/data") != nil
    }

    // MARK: - Stopping

    /// Lets go of the server, and stops it as the lifetime says. Calling it again does nothing; calling it while
    /// another thread does waits until that is done.
    ///
    /// It stops fast: clients are disconnected, what they committed stays. While other programs use it, it
    /// goes on, and the last of them stops it.
    public func stop() throws(PostgreSQLError) {
        try use.withLock { use throws(PostgreSQLError) in
            guard let users = use.users.take() else { return }
            try leave(users)
        }
    }

    private func leave(_ users: borrowing FileLock) throws(PostgreSQLError) {
        let operation = "stopping the embedded PostgreSQL in \(directory)"
        let starting = try FileLock(directory + "/start.lock", operation: operation)
        starting.lockAlone()
        let marker = directory + "/stop-when-unused"
        guard lifetime == .owner || (lifetime == .asFound && FileSystem.status(marker) != nil) else { return }
        if users.tryLockAlone() {
            try Self.end(directory, operation)
        } else if lifetime == .owner {
            try Self.write("", to: marker, operation)
        }
    }

    /// Stops the server under `path` whoever uses it; nothing happens when none runs.
    public static func shutDown(directory path: String) throws(PostgreSQLError) {
        guard let directory = FileSystem.resolved(path), FileSystem.status(directory + "/data") != nil else {
            return
        }
        let operation = "stopping the embedded PostgreSQL in \(directory)"
        let starting = try FileLock(directory + "/start.lock", operation: operation)
        starting.lockAlone()
        try end(directory, operation)
    }

    private static func end(_ directory: String, _ operation: String) throws(PostgreSQLError) {
        let data = directory + "/data"
        FileSystem.remove(directory + "/stop-when-unused")
        if let postmaster = Postmaster.running(data: data) {
            postmaster.stopFast()
            if !waits(seconds: 60, until: { Postmaster.running(data: data)?.pid != postmaster.pid }) {
                postmaster.stopImmediately()
                guard waits(seconds: 10, until: { Postmaster.running(data: data)?.pid != postmaster.pid })
                else {
                    throw PostgreSQLError(
                        message: "process \(postmaster.pid) does not end",
                        hint: "see \(directory)/postgres.log", operation: operation)
                }
            }
        }
        forgetSocket(directory)
    }

    private static func forgetSocket(_ directory: String) {
        if let socket = FileSystem.read(directory + "/socket").map(FileSystem.trimmed), isOurs(socket) {
            FileSystem.remove(socket)
        }
        FileSystem.remove(directory + "/socket")
    }

    // MARK: - The process

    static let serverEnvironment: [String: String?] = [
        "LC_ALL": "C", "PGDATA": nil, "PGPORT": nil, "PGHOST": nil, "PGDATABASE": nil, "PGUSER": nil,
        "PGOPTIONS": nil, "PGSERVICE": nil, "TZ": nil, "NOTIFY_SOCKET": nil,
    ]

    private static func launch(
        _ directory: String, _ socketDirectory: String, _ user: ServerUser, _ binaries: Binaries,
        _ operation: String
    ) throws(PostgreSQLError) {
        let log = directory + "/postgres.log"
        // It quotes statements, and those quote what peers have sent.
        try write("", to: log, appending: true, mode: 0o600, operation)
        guard unsafe chmod(log, 0o600) == 0 else {
            throw PostgreSQLError(
                message: "cannot close \(log) to others: \(FileSystem.text(ofError: errno))",
                hint: "it belongs to somebody else: move it away", operation: operation)
        }
        try give(log, user, operation)
        // pg_ctl hands its arguments to a shell: the names are relative, and the socket's is quoted.
        let shellQuoted = socketDirectory.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''")
        for attempt in 1... {
            let before = FileSystem.size(log)
            let started = try ChildProcess.run(
                [
                    binaries.path("pg_ctl"), "start", "-D", "data", "-l", "postgres.log", "-s", "-w", "-t",
                    "600",
                    "-o", "-k '\(shellQuoted)' -p 5432 -c listen_addresses=''",
                ], as: user, in: directory, environment: serverEnvironment, operation: operation)
            if started.status == 0 { return }
            let said = FileSystem.read(log, from: before) ?? ""
            // The rest of a killed server that this process may not see (a container without CAP_SYS_PTRACE).
            if said.contains("pre-existing shared memory block"), attempt < 20 {
                usleep(500_000)
                continue
            }
            throw failure(
                "the server did not start", said: said.isEmpty ? started.output : said, operation, log: log)
        }
    }

    /// Waits until the server lets us in, making the database if a first start was cut short before it.
    private static func waitUntilReady(
        _ conninfo: String, _ postmaster: Postmaster, _ operation: String
    ) throws(PostgreSQLError) {
        var last: PostgreSQLError?
        let answered = waits(seconds: 120) {
            do throws(PostgreSQLError) {
                _ = try Connection(conninfo)
                last = nil
                return true
            } catch {
                last = error
                if error.message.contains("database \"peerscope\" does not exist") {
                    do throws(PostgreSQLError) {
                        try makeDatabase(conninfo)
                        last = nil
                    } catch {
                        last = error
                    }
                    return true
                }
                // Only a server that starts or ends is worth waiting for.
                return !error.message.contains("the database system is")
            }
        }
        guard var fault = last else { return }
        if answered, fault.message.contains("No such file or directory") {
            fault.hint =
                "its socket's directory \(postmaster.socketDirectory) was removed: "
                + "end the server with `kill -INT \(postmaster.pid)` and start again"
        }
        fault.operation = operation
        throw fault
    }

    private static func makeDatabase(_ conninfo: String) throws(PostgreSQLError) {
        let connection = try Connection(conninfo + " dbname=postgres")
        do {
            try connection.execute("CREATE DATABASE peerscope")
        } catch {
            // Somebody else made it at the same time.
            guard error.code == "42P04" || error.code == "23505" else { throw error }
        }
    }

    // MARK: - Faults

    static let diskHint = "the disk is full: free space; nothing that was committed is lost"

    /// What a failed initdb or server said, as an error that says what to do.
    static func failure(
        _ message: String, said: String, _ operation: String, log: String? = nil
    ) -> PostgreSQLError {
        let lines = said.split(separator: "\n").map(String.init)
        let telling = lines.filter { $0.contains("FATAL") || $0.contains("PANIC") || $0.contains("error:") }
        let words = (telling.isEmpty ? Array(lines.suffix(3)) : Array(telling.suffix(3)))
            .map { line in
                // Without the log's time and process.
                line.firstRange(of: "FATAL:").map { String(line[$0.lowerBound...]) } ?? line
            }
            .joined(separator: "; ")
        let logHint = log.map { "see \($0)" }
        let hint: String? =
            if said.contains("No space left on device") {
                diskHint
            } else if said.contains("could not map anonymous shared memory")
                || said.contains("Cannot allocate memory")
            {
                "there is not enough memory: lower shared_buffers in data/postgresql.conf"
            } else if said.contains("Address already in use") || said.contains("Is another postmaster") {
                "another server holds the socket or the data directory: stop it"
            } else if said.contains("could not look up effective user ID") {
                "this user has no entry in /etc/passwd: run as one who has"
            } else if said.contains("incompatible") {
                "another major version made this directory: install that, or move the directory away"
            } else {
                logHint
            }
        return PostgreSQLError(
            message: message, detail: words.isEmpty ? nil : words, hint: hint, operation: operation)
    }

    static func failure(
        _ message: String, log directory: String, from offset: Int, _ operation: String
    ) -> PostgreSQLError {
        let log = directory + "/postgres.log"
        return failure(message, said: FileSystem.read(log, from: offset) ?? "", operation, log: log)
    }

    static func write(
        _ text: String, to path: String, appending: Bool = false, mode: UInt32 = 0o644, _ operation: String
    ) throws(PostgreSQLError) {
        let error = FileSystem.write(text, to: path, appending: appending, mode: mode)
        guard error == 0 else {
            throw PostgreSQLError(
                message: "cannot write \(path): \(FileSystem.text(ofError: error))",
                hint: error == ENOSPC ? diskHint : nil, operation: operation)
        }
    }

    /// Gives a file to the server's user, when that is not us.
    static func give(
        _ path: String, _ user: ServerUser, _ operation: String
    ) throws(PostgreSQLError) {
        guard user.uid != geteuid() else { return }
        let error = FileSystem.give(path, uid: user.uid, gid: user.gid)
        guard error == 0 else {
            throw PostgreSQLError(
                message: "cannot give \(path) to \(user.name): \(FileSystem.text(ofError: error))",
                operation: operation)
        }
    }

    /// Asks again every few milliseconds; whether it came true in time.
    static func waits(seconds: Int, until isTrue: () -> Bool) -> Bool {
        var pause: UInt32 = 1_000
        var waited = 0
        while !isTrue() {
            guard waited < seconds * 1_000_000 else { return false }
            usleep(pause)
            waited += Int(pause)
            pause = min(pause * 2, 50_000)
        }
        return true
    }
}
