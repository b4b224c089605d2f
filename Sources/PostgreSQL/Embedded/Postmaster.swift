internal import Glibc

/// The server process of a data directory, as `postmaster.pid` and `/proc` tell it.
struct Postmaster: Equatable {
    let pid: Int32
    /// The directory of its socket.
    let socketDirectory: String
    /// Its port, which is part of the socket's name.
    let port: Int

    /// The server that runs on `data` (its resolved path), or `nil`.
    ///
    /// A pid file alone proves nothing: the process may be dead, a zombie that nobody reaps, or another
    /// program with the same number. A living server works in its data directory.
    static func running(data: String) -> Postmaster? {
        guard let text = FileSystem.read(data + "/postmaster.pid") else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 5, let pid = Int32(lines[0]), pid > 0, works(pid, in: data, isNamed: true) else {
            return nil
        }
        return Postmaster(pid: pid, socketDirectory: String(lines[4]), port: Int(lines[3]) ?? 5432)
    }

    /// Whether some process works in `data`: a server, or the rest of one that was killed.
    static func hasProcesses(data: String) -> Bool {
        FileSystem.names(in: "/proc").contains { name in
            guard let pid = Int32(name) else { return false }
            return works(pid, in: data)
        }
    }

    /// Removes a pid file that would keep a server from starting although its process is gone: PostgreSQL only
    /// asks whether the number is in use, and a zombie's or a stranger's is.
    ///
    /// Call only when ``hasProcesses(data:)`` said no.
    static func removeStalePidFile(data: String) {
        let path = data + "/postmaster.pid"
        guard let text = FileSystem.read(path), let pid = Int32(text.prefix { $0.isNumber }), pid > 0,
            kill(pid, 0) == 0, !works(pid, in: data, isNamed: true)
        else { return }
        FileSystem.remove(path)
    }

    /// Whether a process works in `data`.
    ///
    /// Root without CAP_SYS_PTRACE (in a container) may not see where another user's process works;
    /// then a living process called `postgres` whose number stands in the pid file is believed.
    private static func works(_ pid: Int32, in data: String, isNamed: Bool = false) -> Bool {
        // A zombie has no working directory any more.
        if let place = FileSystem.linkTarget("/proc/\(pid)/cwd") { return place == data }
        guard isNamed, errno == EACCES else { return false }
        // "pid (comm) state …"
        guard let stat = FileSystem.read("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else {
            return false
        }
        return stat[..<end].hasSuffix("(postgres") && !stat[end...].hasPrefix(") Z")
    }

    /// Asks the server to end: clients are disconnected, everything committed is on disk.
    func stopFast() { kill(pid, SIGINT) }
    /// Ends the server at once; the next start recovers.
    func stopImmediately() { kill(pid, SIGQUIT) }
}
