internal import Glibc

// The directory that a server lives in: made, or found to be of a version that runs here.
extension EmbeddedServer {
    /// Makes the directory and gives its resolved path.
    static func prepared(_ path: String, _ operation: String) throws(PostgreSQLError) -> String {
        let absolute = FileSystem.absolute(path)
        let error = FileSystem.makeDirectories(absolute, mode: 0o755)
        guard error == 0, let directory = FileSystem.resolved(absolute) else {
            throw PostgreSQLError(
                message: "cannot make \(absolute): \(FileSystem.text(ofError: error))",
                hint: error == ENOSPC ? diskHint : "choose a directory that this user can write",
                operation: operation)
        }
        guard unsafe access(directory, W_OK | X_OK) == 0 else {
            let error = errno
            let owner = FileSystem.status(directory).flatMap { ServerUser.with(uid: $0.owner)?.name }
            throw PostgreSQLError(
                message: "cannot write into \(directory): \(FileSystem.text(ofError: error))",
                hint: owner.map { "it belongs to \($0): run as that user or as root, or choose another one" }
                    ?? "choose a directory that this user can write", operation: operation)
        }
        let known: Set = [
            "data", "postgres.log", "socket", "start.lock", "users.lock", "stop-when-unused", "data.new",
        ]
        if FileSystem.status(directory + "/data") == nil,
            let stranger = FileSystem.names(in: directory).first(where: { !known.contains($0) })
        {
            throw PostgreSQLError(
                message: "\(directory) holds other things (\(stranger)) and no database",
                hint: "name an empty directory, or one that does not exist yet", operation: operation)
        }
        return directory
    }

    static func majorVersion(
        of data: String, _ operation: String
    ) throws(PostgreSQLError) -> Int? {
        guard FileSystem.status(data) != nil else { return nil }
        guard let text = FileSystem.read(data + "/PG_VERSION"),
            let major = Int(FileSystem.trimmed(text).prefix { $0.isNumber })
        else {
            throw PostgreSQLError(
                message: "\(data) is not a PostgreSQL data directory (no PG_VERSION)",
                hint: "move it away to begin a new one", operation: operation)
        }
        return major
    }

    /// Settings for steady ingest on a machine that does other things too.
    static let settings = """

        # What Peerscope changes; edit as you like. Socket and listen_addresses are given at every start.
        shared_buffers = 256MB
        max_wal_size = 2GB
        checkpoint_timeout = 15min
        wal_compression = on
        fsync = on
        synchronous_commit = on
        max_connections = 64
        autovacuum_naptime = 15s
        jit = off
        timezone = 'UTC'
        log_timezone = 'UTC'
        log_line_prefix = '%m [%p] %a '
        log_autovacuum_min_duration = -1
        log_checkpoints = off

        """

    /// Makes the data directory: under another name first, so that an interrupted attempt leaves none.
    static func initialise(
        _ directory: String, _ user: ServerUser, _ binaries: Binaries, _ operation: String
    ) throws(PostgreSQLError) {
        let fresh = directory + "/data.new"
        FileSystem.remove(fresh)
        guard unsafe mkdir(fresh, 0o700) == 0 else {
            let error = errno
            throw PostgreSQLError(
                message: "cannot make \(fresh): \(FileSystem.text(ofError: error))",
                hint: error == ENOSPC ? diskHint : nil, operation: operation)
        }
        try give(fresh, user, operation)
        let made = try ChildProcess.run(
            [
                binaries.path("initdb"), "-D", "data.new", "-U", "peerscope", "--encoding=UTF8", "--locale=C",
                "--auth-local=trust", "--auth-host=reject",
            ], as: user, in: directory, environment: serverEnvironment, operation: operation)
        guard made.status == 0 else {
            FileSystem.remove(fresh)
            throw failure("initdb failed with status \(made.status)", said: made.output, operation)
        }
        try write(settings, to: fresh + "/postgresql.conf", appending: true, operation)
        guard unsafe rename(fresh, directory + "/data") == 0 else {
            throw PostgreSQLError(
                message: "cannot rename \(fresh): \(FileSystem.text(ofError: errno))", operation: operation)
        }
    }

    /// After a killed server its other processes need a moment to notice.
    static func waitForRemains(_ data: String, _ operation: String) throws(PostgreSQLError) {
        guard waits(seconds: 30, until: { !Postmaster.hasProcesses(data: data) }) else {
            throw PostgreSQLError(
                message: "processes of an earlier server still work in \(data)",
                hint: "find them with `fuser \(data)` and end them", operation: operation)
        }
        Postmaster.removeStalePidFile(data: data)
    }
}
