import CollectorProtocol
import Spool
import Synchronization

/// A stream as the uplink sees it.
public struct UplinkStream: Sendable {
    let node: String
    let streamID: UInt64
    let spool: Spool
}

/// What streamer and uplink leave for each other; each runs on a thread of its own.
public final class UplinkMailbox: Sendable {
    struct TimedSample: Sendable {
        /// Middle of the exchange on the node's clock, as the node shows it.
        let monotonic: UInt64
        let record: CollectorProtocol.ClockSample
    }

    private struct Content {
        var samples: [TimedSample] = []
        var watermarks: [UInt64: UInt64] = [:]
        var wake: (@Sendable () -> Void)?
    }

    private let content = Mutex(Content())

    /// An empty mailbox.
    public init() {}

    // From the streamer.

    /// New batches are in the spools.
    func batchesSpooled() { content.withLock { $0.wake }?() }

    /// Samples that have come in since the last call.
    func takeClockSamples() -> [TimedSample] {
        content.withLock { content in
            defer { content.samples.removeAll(keepingCapacity: true) }
            return content.samples
        }
    }

    /// The highest number the aggregator has committed of a stream, as far as it has told.
    func watermark(of streamID: UInt64) -> UInt64? { content.withLock { $0.watermarks[streamID] } }

    // From the uplink.

    func setWake(_ wake: @escaping @Sendable () -> Void) { content.withLock { $0.wake = wake } }

    func put(_ sample: TimedSample) {
        content.withLock { content in
            // Nobody takes them while the streamer is stuck; the newest are worth most.
            if content.samples.count >= 1024 { content.samples.removeFirst(512) }
            content.samples.append(sample)
        }
    }

    func committed(_ streamID: UInt64, through sequence: UInt64) {
        content.withLock { $0.watermarks[streamID] = max($0.watermarks[streamID] ?? 0, sequence) }
    }
}
