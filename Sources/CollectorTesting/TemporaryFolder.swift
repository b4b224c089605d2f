internal import Foundation
internal import Synchronization

/// Paths for files of tests, which are removed when the process ends.
///
/// A suite's value cannot remove them: it may be gone before what was made with it.
public enum TemporaryFolder {
    private static let made = Mutex<[String]>([])

    /// A path in the temporary directory at which there is nothing yet.
    public static func path(_ name: String) -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID())").path()
        made.withLock { paths in
            if paths.isEmpty {
                atexit {
                    for path in TemporaryFolder.made.withLock({ $0 }) {
                        try? FileManager.default.removeItem(atPath: path)
                    }
                }
            }
            paths.append(path)
        }
        return path
    }
}
