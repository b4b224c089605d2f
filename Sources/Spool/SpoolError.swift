import Glibc

/// What the file system refused, or what a spool folder holds that it should not.
public struct SpoolError: Error, CustomStringConvertible, Sendable {
    /// What was being done.
    public let doing: String
    /// The file or folder.
    public let path: String
    /// What went wrong.
    public let reason: String
    /// What to do next, when that is known.
    public let remedy: String?

    init(doing: String, path: String, reason: String, remedy: String? = nil) {
        self.doing = doing
        self.path = path
        self.reason = reason
        self.remedy = remedy
    }

    init(doing: String, path: String, errno number: Int32) {
        let remedy: String? =
            switch number {
            case ENOSPC, EDQUOT: "free space on that file system, or lower `spool.bytes`"
            case EACCES, EPERM, EROFS: "make the folder writable for the agent's user"
            default: nil
            }
        self.init(doing: doing, path: path, reason: unsafe String(cString: strerror(number)), remedy: remedy)
    }

    /// One sentence.
    public var description: String { "\(doing) in \(path): \(reason)" + (remedy.map { "; \($0)" } ?? "") }
}
