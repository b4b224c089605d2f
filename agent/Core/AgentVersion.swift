import CPlatform
import Glibc

/// The version of this build.
public enum AgentVersion {
    /// `MAJOR.MINOR.PATCH`.
    public static let text = "0.1.0"
}

/// Ends the process at once, with nothing run on the way.
public enum AgentExit {
    /// `_exit(status)`.
    public static func now(_ status: Int32) -> Never { _exit(status) }
}

/// PEERSCOPE_… variables of this process.
public struct AgentEnvironment: Sendable {
    /// Looks into the process's own environment.
    public init() {}

    /// The variable PEERSCOPE_`name`, unless it is unset or empty.
    public subscript(name: String) -> String? {
        guard let value = unsafe getenv("PEERSCOPE_" + name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// The variable's parts between semicolons.
    public func list(_ name: String) -> [String] {
        (self[name] ?? "").split(separator: ";").map(String.init)
    }
}
