import Dispatch
import Glibc
import Synchronization

/// Becomes raised when the process is asked to stop with SIGINT or SIGTERM.
public final class StopSignal: Sendable {
    private let raised = Atomic(false)
    private let sources = Mutex<[any DispatchSourceSignal]>([])

    /// A signal that nothing raises but ``raise()``.
    public init() {}

    /// Takes over SIGINT and SIGTERM of this process; `action` is called once for each.
    public func listen(_ action: @escaping @Sendable () -> Void = {}) {
        for number in [SIGINT, SIGTERM] {
            _ = unsafe signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                raise()
                action()
            }
            source.resume()
            sources.withLock { $0.append(source) }
        }
    }

    /// Asks for the stop.
    public func raise() { raised.store(true, ordering: .releasing) }

    /// Whether the stop was asked for.
    public var isRaised: Bool { raised.load(ordering: .acquiring) }
}
