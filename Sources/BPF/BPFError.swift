import CLibbpf
import Glibc

/// Why the kernel, libbpf or an ELF file refused something.
public struct BPFError: Error, CustomStringConvertible, Sendable {
    /// What was being done.
    public let doing: String
    /// `errno`, or 0 when there is none.
    public let code: Int32
    /// What went wrong, in words.
    public let reason: String
    /// What to do about it, when that is known.
    public let remedy: String?

    /// An error of our own.
    public init(doing: String, reason: String, remedy: String? = nil) {
        self.doing = doing
        self.code = 0
        self.reason = reason
        self.remedy = remedy
    }

    /// An error number of the kernel or libbpf, given as `errno` or as its negative.
    init(doing: String, errno number: Int32) {
        self.doing = doing
        let code = abs(number)
        self.code = code
        reason = unsafe String(cString: strerror(code))
        switch code {
        case EPERM, EACCES:
            remedy = "run as root, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN to the attacher"
        case ENOENT: remedy = nil
        case EINVAL, ENOSYS, EOPNOTSUPP:
            remedy = "Linux 5.15 or newer with CONFIG_BPF_SYSCALL and CONFIG_UPROBE_EVENTS is needed"
        case ENOMEM, ENOSPC: remedy = "raise RLIMIT_MEMLOCK, or free memory"
        default: remedy = nil
        }
    }

    /// All of it in one sentence.
    public var description: String {
        "\(doing): \(reason)" + (remedy.map { "; \($0)" } ?? "")
    }
}

extension BPFError {
    /// Calls `body`, which returns a descriptor or 0, or −1 with `errno` set, or a negative error number.
    static func check(_ doing: @autoclosure () -> String, _ body: () -> Int32) throws(BPFError) -> Int32 {
        let result = body()
        guard result < 0 else { return result }
        throw BPFError(doing: doing(), errno: result == -1 ? errno : result)
    }
}
