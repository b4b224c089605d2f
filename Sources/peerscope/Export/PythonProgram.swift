import Glibc

/// A running Python program with a pipe to its standard input, and one from its descriptor 3 that it reports on.
///
/// It has a process group of its own, so that Ctrl-C on a terminal reaches only us, who then end it.
final class PythonProgram {
    let processID: Int32
    private var input: Int32
    private let reports: Int32
    private var unread: [UInt8] = []
    private var status: Int32?

    /// Starts it.
    ///
    /// - Parameters:
    ///   - python: a path, or a name to be looked up in PATH.
    ///   - program: its text.
    ///   - output: what becomes its standard output.
    init(_ python: String, program: String, argument: String, output: Int32) throws(ExportError) {
        let operation = "starting \(python)"
        // A program that ends early must show as an error of write, not end us.
        signal(SIGPIPE, SIG_IGN)
        let (stdin, input) = try Self.pipe(operation)
        let (reports, fd3) = try Self.pipe(operation)
        defer {
            close(stdin)
            close(fd3)
        }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, stdin, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, fd3, 3)

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        var process = pid_t()
        let arguments = [python, "-c", program, argument]
        var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        let error = unsafe posix_spawnp(&process, python, &actions, &attributes, &words, environ)
        guard error == 0 else {
            close(input)
            close(reports)
            throw ExportError(operation: operation, message: errorText(error))
        }
        processID = process
        self.input = input
        self.reports = reports
    }

    deinit {
        if status == nil { kill(processID, SIGKILL) }
        wait()
        closeInput()
        close(reports)
    }

    /// Sends bytes to its standard input; whether it still took them.
    func send(_ bytes: [UInt8]) -> Bool { writeWhole(bytes, to: input) == 0 }

    /// Ends its standard input.
    func closeInput() {
        guard input >= 0 else { return }
        close(input)
        input = -1
    }

    /// The next line of its reports; `nil` when there is none any more.
    func report() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = [UInt8](unread[..<end])
                unread.removeFirst(end + 1)
                return line
            }
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(reports, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return nil }
            unread += buffer[..<count]
        }
    }

    /// Waits for its end: its exit status, or 128 + the signal that ended it.
    @discardableResult
    func wait() -> Int32 {
        if let status { return status }
        var word: Int32 = 0
        while unsafe waitpid(processID, &word, 0) == -1 {
            guard errno == EINTR else { break }
        }
        let ended = word & 0x7f == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f)
        status = ended
        return ended
    }

    /// A pipe whose ends no other program inherits, and none of which is one of the child's descriptors.
    private static func pipe(_ operation: String) throws(ExportError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else {
            throw ExportError(operation: operation, message: errorText(errno))
        }
        let moved = ends.map { end in
            defer { close(end) }
            return fcntl(end, F_DUPFD_CLOEXEC, 10)
        }
        guard moved.allSatisfy({ $0 >= 0 }) else {
            let error = errno
            for end in moved where end >= 0 { close(end) }
            throw ExportError(operation: operation, message: errorText(error))
        }
        return (moved[0], moved[1])
    }
}
