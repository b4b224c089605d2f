import ByteCodec
import Glibc

/// An open segment, read and written at explicit positions. Closed when the last reference goes.
final class SegmentFile: Sendable {
    let path: String
    private let descriptor: Int32

    init(path: String, flags: Int32) throws(SpoolError) {
        let descriptor = unsafe open(path, flags | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SpoolError(doing: "opening a segment", path: path, errno: errno) }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    static func name(_ first: UInt64) -> String {
        let digits = String(first)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".batches"
    }

    static func create(folder: String, first: UInt64) throws(SpoolError) -> SegmentFile {
        try SegmentFile(path: folder + "/" + name(first), flags: O_CREAT | O_TRUNC)
    }

    /// Writes a file under another name, syncs it and renames it into place, so that either the old content or
    /// the new one is there after a crash.
    static func replace(path: String, bytes: [UInt8]) throws(SpoolError) -> SegmentFile {
        let file = try SegmentFile(path: path + ".new", flags: O_CREAT | O_TRUNC)
        try file.write(bytes.span.raw, at: 0)
        try file.sync()
        guard unsafe rename(path + ".new", path) == 0 else {
            throw SpoolError(doing: "replacing a segment", path: path, errno: errno)
        }
        try syncFolder(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
        return try SegmentFile(path: path, flags: 0)
    }

    var size: Int {
        let end = lseek(descriptor, 0, Int32(SEEK_END))
        return max(0, Int(end))
    }

    func write(_ bytes: borrowing RawSpan, at offset: Int) throws(SpoolError) {
        var written = 0
        while written < bytes.byteCount {
            let from = written
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(
                    descriptor, buffer.baseAddress.map { unsafe $0 + from }, buffer.count - from,
                    off_t(offset + from))
            }
            if count < 0 {
                if errno == EINTR { continue }
                let code = errno
                // A partial batch must not stay where the next one will be appended over it.
                ftruncate(descriptor, off_t(offset))
                throw SpoolError(doing: "appending a batch", path: path, errno: code)
            }
            written += count
        }
    }

    func read(at offset: Int, count: Int) throws(SpoolError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = unsafe pread(
                    descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled,
                    off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        if failure != 0 { throw SpoolError(doing: "reading a batch", path: path, errno: failure) }
        return bytes
    }

    func truncate(to size: Int) throws(SpoolError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            throw SpoolError(doing: "cutting a torn batch", path: path, errno: errno)
        }
    }

    func sync() throws(SpoolError) {
        guard fdatasync(descriptor) == 0 else { throw SpoolError(doing: "syncing", path: path, errno: errno) }
    }

    func remove() { _ = unsafe unlink(path) }

    static func syncFolder(_ folder: String) throws(SpoolError) {
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SpoolError(doing: "syncing", path: folder, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SpoolError(doing: "syncing", path: folder, errno: errno) }
    }
}
