import Foundation

/// Where this checkout and its debug binaries are.
enum Checkout {
    static let root: URL = {
        var folder = URL(filePath: #filePath)
        while folder.path() != "/",
            !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path())
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    static func path(_ relative: String) -> String { root.appending(path: relative).path() }

    static let binaries = path(".build/debug")
    static func binary(_ name: String) -> String { binaries + "/" + name }

    /// eBPF needs root; without it these tests have nothing to run on.
    static let canUseEBPF = getuid() == 0
}

/// What went wrong while a test drove the programs.
struct FleetFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A program the test has started, with its output in a file.
///
/// Foundation's Process waits on run loops that a test's threads do not all have; this is posix_spawn and waitpid.
final class Program {
    let log: String
    let pid: pid_t
    private var status: Int32?

    init(_ name: String, _ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        self.log = log
        let path = name.hasPrefix("/") ? name : Checkout.binary(name)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Nothing of the test's may stay open in a server that outlives one call.
        for descriptor in Int32(3)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        // The test's threads block every signal, and a mask is inherited.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for word in words + settings { free(word) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, path, &actions, &attributes, &words, &settings)
        guard result == 0 else {
            throw FleetFailure("cannot start \(path): \(String(cString: strerror(result)))")
        }
        self.pid = pid
    }

    var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// Whether it has not ended yet.
    var isRunning: Bool {
        guard status == nil else { return false }
        var word: Int32 = 0
        if waitpid(pid, &word, WNOHANG) == pid { status = word }
        return status == nil
    }

    /// Waits for its end: the exit status, or 128 + the signal.
    @discardableResult
    func wait() -> Int32 {
        while status == nil {
            var word: Int32 = 0
            if waitpid(pid, &word, 0) == pid { status = word }
        }
        let word = status ?? 0
        return word & 0x7f == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f)
    }

    /// Waits until the output contains `text`.
    func awaitText(_ wanted: String, seconds: Double = 60) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while !text.contains(wanted) {
            guard isRunning else { throw FleetFailure("ended before \"\(wanted)\":\n\(text)") }
            guard Date() < deadline else {
                throw FleetFailure("no \"\(wanted)\" within \(seconds) s:\n\(text)")
            }
            usleep(20_000)
        }
    }

    /// Ends the program with a signal and waits for it.
    func end(_ signal: Int32 = SIGTERM) {
        if isRunning { kill(pid, signal) }
        wait()
    }

    /// Runs a program to its end and returns what it printed.
    static func output(_ name: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let log = FileManager.default.temporaryDirectory.appending(path: "output-\(UUID())").path()
        defer { try? FileManager.default.removeItem(atPath: log) }
        let program = try Program(name, arguments, log: log)
        return (program.wait(), program.text)
    }
}
