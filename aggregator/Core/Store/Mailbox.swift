internal import Foundation
internal import Synchronization

/// What waits for a writer, in order. Its length is bounded by the credit of the connections that fill it.
final class Mailbox: Sendable {
    /// A piece of work for a writer.
    enum Work: Sendable {
        case batch(QueuedBatch)
        /// A short errand on the writer's connection; nothing to wait for.
        case errand(Errand)
    }

    private struct Contents {
        var work: [Work] = []
        var byteCount = 0
        var errands = 0
        var isClosed = false
    }

    private let contents = Mutex(Contents())
    private let condition = NSCondition()

    /// Appends a batch; false when the writer has been closed.
    @discardableResult
    func post(_ work: Work) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        let accepted = contents.withLock { contents in
            guard !contents.isClosed else { return false }
            contents.work.append(work)
            switch work {
            case .batch(let batch): contents.byteCount += batch.bytes.count
            case .errand: contents.errands += 1
            }
            return true
        }
        condition.broadcast()
        return accepted
    }

    /// Lets the writer finish what is there and end.
    func close() {
        condition.lock()
        contents.withLock { $0.isClosed = true }
        condition.broadcast()
        condition.unlock()
    }

    var isClosed: Bool { contents.withLock { $0.isClosed } }

    /// Waits for work and takes all there is, once `bytes` have gathered or `seconds` have passed since the first;
    /// nil when the mailbox is closed and empty.
    func take(bytes: Int, seconds: Double) -> [Work]? {
        condition.lock()
        defer { condition.unlock() }
        while contents.withLock({ $0.work.isEmpty && !$0.isClosed }) { condition.wait() }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while contents.withLock({ $0.byteCount < bytes && $0.errands == 0 && !$0.isClosed }) {
            guard condition.wait(until: deadline) else { break }
        }
        return contents.withLock { contents in
            guard !contents.work.isEmpty else { return nil }
            // Not more than asked for, so that a transaction stays short however much waits.
            var count = 0
            var taken = 0
            for work in contents.work {
                if case .batch(let batch) = work {
                    if count > 0, taken + batch.bytes.count > bytes { break }
                    taken += batch.bytes.count
                } else {
                    contents.errands -= 1
                }
                count += 1
            }
            contents.byteCount -= taken
            defer { contents.work.removeFirst(count) }
            return Array(contents.work[..<count])
        }
    }

    /// Waits, but not when the mailbox is closed meanwhile.
    func pause(seconds: Double) {
        condition.lock()
        defer { condition.unlock() }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !contents.withLock({ $0.isClosed }) {
            guard condition.wait(until: deadline) else { return }
        }
    }
}
