import Foundation

/// A program the test has started, with its output in a file.
///
/// Foundation's Process waits on run loops that a test's threads do not all have; this is posix_spawn and waitpid.
final class Program {
    let log: String
    let processID: pid_t
    private var status: Int32?

    /// Starts a program: a path, or a name to be looked up in PATH.
    init(_ name: String, _ arguments: [String], log: String) throws {
        self.log = log
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Nothing of the test's may stay open in a server that outlives one call.
        for descriptor in Int32(3)..<256 { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }
        // The test's threads block every signal, and a mask is inherited.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = unsafe ([name] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var pid = pid_t()
        let result = unsafe posix_spawnp(&pid, name, &actions, &attributes, &words, environ)
        guard result == 0 else { throw POSIXError(.init(rawValue: result) ?? .EINVAL) }
        processID = pid
    }

    var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// Whether it has not ended yet.
    var isRunning: Bool {
        guard status == nil else { return false }
        var word: Int32 = 0
        if unsafe waitpid(processID, &word, WNOHANG) == processID { status = word }
        return status == nil
    }

    /// Waits for its end: the exit status, or 128 + the signal.
    @discardableResult
    func wait() -> Int32 {
        while status == nil {
            var word: Int32 = 0
            if unsafe waitpid(processID, &word, 0) == processID { status = word }
        }
        let word = status ?? 0
        return word & 0x7f == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f)
    }

    /// Waits for its end, and tells the most memory it had (VmHWM), in bytes.
    func peakMemory() -> Int {
        var peak = 0
        while isRunning {
            let status = (try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)) ?? ""
            if let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }) {
                peak = max(peak, (Int(line.filter(\.isNumber)) ?? 0) * 1024)
            }
            usleep(5_000)
        }
        return peak
    }

    /// Runs a program to its end and returns what it printed.
    static func output(_ name: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let log = FileManager.default.temporaryDirectory.appending(path: "output-\(UUID())").path()
        defer { try? FileManager.default.removeItem(atPath: log) }
        let program = try Program(name, arguments, log: log)
        return (program.wait(), program.text)
    }
}
