import Foundation
import Logging
import Synchronization

/// A log that a test can read.
final class CapturedLog: Sendable {
    private let written = Mutex<[String]>([])

    /// A logger that writes here.
    var logger: Logger {
        var logger = Logger(label: "test", factory: { _ in Handler(log: self) })
        logger.logLevel = .info
        return logger
    }

    /// Everything so far, one line an event.
    var lines: [String] { written.withLock { $0 } }
    var text: String { lines.joined(separator: "\n") }

    /// Waits until a line has all of `parts`; false when none comes in 15 s.
    func awaits(_ parts: String..., times: Int = 1) -> Bool {
        let deadline = Date(timeIntervalSinceNow: 15)
        while Date() < deadline {
            if lines.count(where: { line in parts.allSatisfy { line.contains($0) } }) >= times { return true }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return false
    }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let about = metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 })
            let line =
                "\(event.level) \(event.message) "
                + about.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            log.written.withLock { $0.append(line) }
        }
    }
}
