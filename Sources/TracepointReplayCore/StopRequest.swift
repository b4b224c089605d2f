import Glibc
import Synchronization

/// SIGTERM and SIGINT end a replay after the event at hand, with its record, summary and pid file in order.
enum StopRequest {
    private static let signal = Atomic<Int32>(0)

    /// The signal that came, or 0.
    @inline(__always) static var received: Int32 { signal.load(ordering: .relaxed) }
    /// Whether one came.
    @inline(__always) static var isMade: Bool { received != 0 }

    /// Handles the signals from now on.
    static func listen() {
        // Makes the atomic exist before a handler, where nothing may be initialised, touches it.
        signal.store(0, ordering: .relaxed)
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { StopRequest.signal.store($0, ordering: .relaxed) }
        unsafe sigaction(SIGTERM, &action, nil)
        unsafe sigaction(SIGINT, &action, nil)
    }
}
