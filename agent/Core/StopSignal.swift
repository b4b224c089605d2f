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
        // Whoever started us may have had them blocked, and a mask is inherited.
        var wanted = sigset_t()
        _ = unsafe sigemptyset(&wanted)
        _ = unsafe sigaddset(&wanted, SIGINT)
        _ = unsafe sigaddset(&wanted, SIGTERM)
        _ = unsafe pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
    }

    /// Asks for the stop.
    public func raise() { raised.store(true, ordering: .releasing) }

    /// Whether the stop was asked for.
    public var isRaised: Bool {
        raised.load(ordering: .acquiring) || askedBySignal.load(ordering: .acquiring)
    }
}
