import Glibc
import Synchronization

/// Set by the signal handler, which can reach nothing but globals.
private let askedBySignal = Atomic(false)

/// Becomes raised when the process is asked to stop with SIGINT or SIGTERM.
public final class StopSignal: Sendable {
    private let raised = Atomic(false)

    /// A signal that nothing raises but ``raise()``.
    public init() {}

    /// Takes over SIGINT and SIGTERM of this process.
    public func listen() {
        askedBySignal.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            _ = signal(number) { _ in askedBySignal.store(true, ordering: .releasing) }
        }
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Asks for the stop.
    public func raise() { raised.store(true, ordering: .releasing) }

    /// Whether the stop was asked for.
    public var isRaised: Bool {
        raised.load(ordering: .acquiring) || askedBySignal.load(ordering: .acquiring)
    }
}
