internal import CollectorProtocol
internal import Foundation

/// The folder for batches that can never be stored, as they came.
struct QuarantineFolder: Sendable {
    /// The folder.
    let path: String

    /// Makes the folder under `dataDirectory` and proves that it can be written.
    init(dataDirectory: String) throws {
        path = dataDirectory + "/quarantine"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            let probe = path + "/.probe-\(ProcessInfo.processInfo.processIdentifier)"
            try Data().write(to: URL(fileURLWithPath: probe))
            try FileManager.default.removeItem(atPath: probe)
        } catch {
            throw AggregatorError(
                "the data directory \(dataDirectory) cannot be written: \(error.localizedDescription)",
                hint: "choose another with --data-dir, or give this user the right to write there")
        }
    }

    /// Keeps a batch and gives the file's path; nil when that fails, which the row then shows.
    func keep(_ batch: QueuedBatch) -> String? {
        let header = batch.header
        let name = "\(batch.nodeName)-\(header.streamID)-\(header.firstSequence)-\(header.lastSequence).batch"
        let file = path + "/" + name
        do {
            try Data(batch.bytes).write(to: URL(fileURLWithPath: file), options: .atomic)
            return file
        } catch {
            return nil
        }
    }
}
