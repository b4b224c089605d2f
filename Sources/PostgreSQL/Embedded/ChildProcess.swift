internal import CPlatform
internal import Glibc

/// A program run to its end, its output gathered in a file.
///
/// A file and not a pipe: whatever a program leaves running (pg_ctl's server) may keep its output open for
/// ever, and nobody must wait for that.
struct ChildProcess {
    /// The exit status; 128 + signal when a signal ended it.
    let status: Int32
    /// Standard output and standard error together, without trailing white space.
    let output: String

    /// Runs `arguments`, whose first is the program's path or a name to be found in PATH.
    ///
    /// - Parameters:
    ///   - user: who the child becomes, with no way back; needs root unless it is us.
    ///   - directory: where the child starts; `nil` keeps ours.
    ///   - environment: replaces or (with `nil`) removes variables of ours.
    static func run(
        _ arguments: [String], as user: ServerUser? = nil, in directory: String? = nil,
        environment: [String: String?] = [:], operation: String
    ) throws(PostgreSQLError) -> ChildProcess {
        let gathered = try scratchFile(operation)
        defer { close(gathered) }
        let pid = try spawn(
            arguments, as: user, in: directory, environment: environment, output: gathered,
            operation: operation)
        let status = wait(for: pid)
        lseek(gathered, 0, SEEK_SET)
        let text = FileSystem.readToEnd(gathered, limit: 64 * 1024)
        return ChildProcess(
            status: status, output: FileSystem.trimmed(String(decoding: text, as: UTF8.self)))
    }

    /// Waits for a child: its exit status, or 128 + signal.
    static func wait(for pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) == -1 {
            guard errno == EINTR else { return 127 }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// Starts a child.
    ///
    /// - Parameter output: its standard output and error; `nil` gives it our three standard descriptors.
    static func spawn(
        _ arguments: [String], as user: ServerUser? = nil, in directory: String? = nil,
        environment: [String: String?] = [:], output: Int32?, operation: String
    ) throws(PostgreSQLError) -> pid_t {
        var variables = FileSystem.environment()
        for (name, value) in environment { variables[name] = value }
        let change = user.flatMap { $0.uid == geteuid() ? nil : $0 }
        var step: UnsafePointer<CChar>?
        let spawned = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(variables.map { "\($0.key)=\($0.value)" }) { envp in
                unsafe ps_spawn(
                    argv, envp, directory, output ?? -1, change == nil ? 0 : 1, change?.uid ?? 0,
                    change?.gid ?? 0, &step)
            }
        }
        guard spawned > 0 else {
            let call = unsafe step.map { unsafe String(cString: $0) } ?? "spawn"
            throw PostgreSQLError(
                message: "cannot run \(arguments.first ?? "nothing")"
                    + (change.map { " as \($0.name)" } ?? "")
                    + ": \(call): \(FileSystem.text(ofError: Int32(-spawned)))",
                hint: call.hasPrefix("set")
                    ? "run as an ordinary user, or give this container CAP_SETUID and CAP_SETGID" : nil,
                operation: operation)
        }
        return pid_t(spawned)
    }

    /// An unnamed file.
    private static func scratchFile(_ operation: String) throws(PostgreSQLError) -> Int32 {
        var template = [UInt8]("/tmp/peerscope-output-XXXXXX".utf8).map { CChar(bitPattern: $0) } + [0]
        let descriptor = unsafe mkstemp(&template)
        guard descriptor >= 0 else {
            throw PostgreSQLError(
                message: "cannot make a file in /tmp: \(FileSystem.text(ofError: errno))",
                operation: operation)
        }
        unsafe unlink(template)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }
}
