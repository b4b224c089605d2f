/// Batches that are sent and not acknowledged, against what the other side allows.
///
/// A batch may be on its way when a place is free and its bytes fit, or when nothing else is on its way: so one
/// batch larger than the window does not wait for ever. Both sides keep such a window.
struct CreditWindow: Sendable {
    private struct Batch {
        let streamID: UInt64
        let last: UInt64
        let byteCount: Int
    }

    let byteLimit: Int
    let batchLimit: Int
    private var batches: [Batch] = []
    private(set) var byteCount = 0

    init(byteLimit: Int, batchLimit: Int) {
        self.byteLimit = byteLimit
        self.batchLimit = batchLimit
    }

    var batchCount: Int { batches.count }
    var freeBytes: Int { max(0, byteLimit - byteCount) }
    var freeBatches: Int { max(0, batchLimit - batches.count) }

    func admits(byteCount: Int) -> Bool {
        batches.isEmpty || (freeBatches > 0 && byteCount <= freeBytes)
    }

    mutating func add(streamID: UInt64, last: UInt64, byteCount: Int) {
        batches.append(Batch(streamID: streamID, last: last, byteCount: byteCount))
        self.byteCount += byteCount
    }

    /// Frees the stream's batches up to `last`.
    mutating func release(streamID: UInt64, through last: UInt64) {
        release { $0.streamID == streamID && $0.last <= last }
    }

    /// Frees the stream's batches that reach beyond `last`.
    mutating func release(streamID: UInt64, after last: UInt64) {
        release { $0.streamID == streamID && $0.last > last }
    }

    private mutating func release(_ isFreed: (Batch) -> Bool) {
        batches.removeAll { batch in
            guard isFreed(batch) else { return false }
            byteCount -= batch.byteCount
            return true
        }
    }
}
