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
    /// The system's number for it, or 0.
    public let code: Int32

    init(doing: String, path: String, reason: String, remedy: String? = nil) {
        self.doing = doing
        self.path = path
        self.reason = reason
        self.remedy = remedy
        code = 0
    }

    /// What a call of the system said.
    public init(doing: String, path: String, errno number: Int32) {
        self.doing = doing
        self.path = path
        reason = unsafe String(cString: strerror(number))
        remedy =
            switch number {
            case ENOSPC, EDQUOT: "free space on that file system, or lower `spool.bytes`"
            case EACCES, EPERM, EROFS: "make the folder writable for the agent's user"
            case EIO: "check the disk: the kernel's log says more"
            case EMFILE: "raise the limit of open files (LimitNOFILE= in the unit)"
            default: nil
            }
        code = number
    }

    /// Whether there is no such file or folder.
    public var isNoSuchFile: Bool { code == ENOENT }

    /// One sentence.
    public var description: String { "\(doing) in \(path): \(reason)" + (remedy.map { "; \($0)" } ?? "") }
}
