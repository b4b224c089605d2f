internal import Glibc

// Where the server is reached: a directory of its own, in a path short enough for a socket.
extension EmbeddedServer {
    /// The longest path a socket's address holds, without its NUL.
    static let longestSocketPath = 107
    static let socketName = "/.s.PGSQL.5432"

    /// The directory for the socket: the one noted before if it is still ours, else a new one.
    static func socketDirectory(
        noted note: String, _ user: ServerUser, _ operation: String
    ) throws(PostgreSQLError) -> String {
        if let noted = FileSystem.read(note).map(FileSystem.trimmed), isOurs(noted, user) {
            // What a killed server left; PostgreSQL would ask only whether its process number is in use.
            for name in FileSystem.names(in: noted) { FileSystem.remove(noted + "/" + name) }
            return noted
        }
        let environment = FileSystem.environment()
        var parents: [String] = []
        if let given = environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first {
            parents.append(String(given))
        }
        if ServerUser.isRoot {
            parents.append("/run")
        } else if let given = environment["XDG_RUNTIME_DIR"] {
            parents.append(given)
        }
        parents.append("/tmp")
        var reason = "no directory"
        for parent in parents where parent.hasPrefix("/") {
            let template = parent + "/peerscope-XXXXXX"
            guard template.utf8.count + (socketName + ".lock").utf8.count <= longestSocketPath else {
                continue
            }
            var path = template.utf8.map { CChar(bitPattern: $0) } + [0]
            guard unsafe mkdtemp(&path) != nil else {
                reason = "\(parent): \(FileSystem.text(ofError: errno))"
                continue
            }
            let made = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            try give(made, user, operation)
            if user.barrier(above: made) != nil {
                FileSystem.remove(made)
                reason = "\(user.name) cannot reach \(parent)"
                continue
            }
            do throws(PostgreSQLError) {
                try write(made + "\n", to: note, operation)
            } catch {
                FileSystem.remove(made)
                FileSystem.remove(note)
                throw error
            }
            return made
        }
        throw PostgreSQLError(
            message: "no place for the server's socket (\(reason))", hint: "make /tmp writable (mode 1777)",
            operation: operation)
    }

    /// Whether a directory is one that we made for sockets, and safe to use: nobody else can enter it.
    static func isOurs(_ path: String, _ user: ServerUser? = nil) -> Bool {
        guard path.hasPrefix("/"), path.split(separator: "/").last?.hasPrefix("peerscope-") == true,
            let status = FileSystem.status(path, followingLinks: false), status.isDirectory
        else { return false }
        return status.permissions == 0o700 && (user == nil || status.owner == user?.uid)
    }

    static func conninfo(_ postmaster: Postmaster, _ user: ServerUser) -> String {
        // requirepeer: whoever else might sit on that socket is not our server.
        "host=\(quoted(postmaster.socketDirectory)) port=\(postmaster.port) user=peerscope dbname=peerscope"
            + (user.name.isEmpty ? "" : " requirepeer=\(quoted(user.name))")
    }

    static func quoted(_ value: String) -> String {
        "'" + value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] } + "'"
    }
}
