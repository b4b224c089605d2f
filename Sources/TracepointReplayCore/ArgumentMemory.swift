import CPlatform

/// The arguments of all events at fixed addresses, written once before the first is fired, and so resident:
/// a probe's reader must not meet a page that is not there.
@safe final class ArgumentMemory {
    private let words: UnsafeMutableBufferPointer<UInt64>
    private let bytes: UnsafeMutableRawBufferPointer

    init(_ arguments: ArgumentBuilder) {
        unsafe bytes = .allocate(byteCount: max(arguments.bytes.count, 1), alignment: 16)
        unsafe bytes.copyBytes(from: arguments.bytes)
        unsafe words = .allocate(capacity: max(arguments.words.count, 1))
        _ = unsafe words.initialize(from: arguments.words)
        let base = unsafe UInt64(UInt(bitPattern: bytes.baseAddress))
        for index in arguments.pointers { unsafe words[index] += base }
    }

    deinit {
        unsafe words.deallocate()
        unsafe bytes.deallocate()
    }

    /// Fires an event and says when, and whether somebody saw it. Allocates nothing.
    @inline(__always)
    func fire(_ event: Capture.Event, with probes: NodeProbes) -> (monotonic: UInt64, outcome: Outcome) {
        var monotonic: UInt64 = 0
        let first = unsafe words.baseAddress.map { unsafe $0 + event.firstWord }
        let outcome = unsafe probes.fire(UInt32(truncatingIfNeeded: event.tracepoint), first, &monotonic)
        return (monotonic, Outcome(rawValue: outcome) ?? .unknown)
    }
}
