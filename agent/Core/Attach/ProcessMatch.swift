import Glibc

/// How a node's process is told from others that run the same binary.
public enum ProcessMatch: Sendable, Equatable {
    /// The data directory on its command line, or Core's default when there is none.
    case datadir(String)
    /// The number in this file.
    case pidFile(String)
    /// It belongs to this systemd unit.
    case unit(String)
    /// Any process of the binary.
    case any

    /// Whether process `pid` is meant.
    func matches(_ pid: Int32) -> Bool {
        switch self {
        case .any: return true
        case .unit(let unit):
            let groups = Files.text("/proc/\(pid)/cgroup") ?? ""
            return groups.split(whereSeparator: { $0 == "/" || $0 == "\n" }).contains { $0 == unit }
        case .pidFile(let path):
            guard let text = Files.text(path),
                let number = Int32(text.split(whereSeparator: \.isWhitespace).first ?? "")
            else { return false }
            return number == pid || number == Self.innermostProcessID(pid)
        case .datadir(let wanted):
            guard let found = Self.datadir(pid) else { return false }
            return Self.canonical(found, pid) == Self.canonical(wanted, nil)
        }
    }

    /// The number the process has inside its own namespace: the one its pid file holds.
    private static func innermostProcessID(_ pid: Int32) -> Int32? {
        let status = Files.text("/proc/\(pid)/status") ?? ""
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("NSpid:") }) else {
            return nil
        }
        return line.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) }
    }

    private static func strings(_ path: String) -> [String] {
        (Files.read(path) ?? []).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func datadir(_ pid: Int32) -> String? {
        let arguments = strings("/proc/\(pid)/cmdline").dropFirst()
        for (index, argument) in zip(arguments.indices, arguments) {
            for option in ["-datadir", "--datadir"] {
                if argument.hasPrefix(option + "=") { return String(argument.dropFirst(option.count + 1)) }
                if argument == option, arguments.indices.contains(index + 1) { return arguments[index + 1] }
            }
        }
        let home = strings("/proc/\(pid)/environ").first { $0.hasPrefix("HOME=") }
        return home.map { $0.dropFirst(5) + "/.bitcoin" }
    }

    private static func canonical(_ path: String, _ pid: Int32?) -> String {
        var full = path
        if let pid, !path.hasPrefix("/") { full = (Files.link("/proc/\(pid)/cwd") ?? "") + "/" + path }
        guard let resolved = unsafe realpath(full, nil) else { return full }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}

/// What `/proc` says of a process.
struct ProcessFacts {
    /// When it started, in clock ticks since boot: with the pid it names the process for good.
    let startTicks: UInt64

    init?(_ pid: Int32) {
        guard let text = Files.text("/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[text.index(after: name)...].split(separator: " ")
        // Field 22 of the line; the first after the name is field 3. A zombie is gone for our purpose.
        guard fields.count > 19, let ticks = UInt64(fields[19]), fields[0] != "Z" else { return nil }
        startTicks = ticks
    }
}
