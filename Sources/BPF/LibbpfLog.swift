internal import CLibbpf
import Synchronization

/// The last warning of libbpf, which says more than its error number. libbpf prints to the terminal otherwise.
enum LibbpfLog {
    private static let last = Mutex("")

    static func install() {
        unsafe _ = libbpf_set_print { level, format, arguments in
            guard level == LIBBPF_WARN, let format = unsafe format, let arguments = unsafe arguments else {
                return 0
            }
            unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe vsnprintf(base, buffer.count, format, arguments)
                let text = unsafe String(cString: base)
                LibbpfLog.last.withLock { $0 = text.split(separator: "\n").last.map(String.init) ?? "" }
            }
            return 0
        }
    }

    /// The last warning, which is then forgotten.
    static func take() -> String {
        last.withLock { text in
            defer { text = "" }
            return text.hasPrefix("libbpf: ") ? String(text.dropFirst(8)) : text
        }
    }
}
