import CaptureFormat
import Glibc

/// A file that others see whole or not at all.
enum WholeFile {
    /// Writes beside the file, then renames. `what` names it in errors.
    static func write(_ bytes: [UInt8], to path: String, what: String) throws(CaptureError) {
        let temporary = "\(path).\(getpid())"
        func failure() -> CaptureError {
            CaptureError(
                "cannot write the \(what) \(path): \(systemError())",
                advice: "give a file in a folder that exists and that you may write to")
        }
        let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failure() }
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure()
                close(file)
                unsafe unlink(temporary)
                throw error
            }
            written += count
        }
        close(file)
        guard unsafe rename(temporary, path) == 0 else {
            let error = failure()
            unsafe unlink(temporary)
            throw error
        }
    }

    /// Removes it; it may be gone already.
    static func remove(_ path: String) { unsafe unlink(path) }
}
