import Glibc

/// The file system of this host.
public struct HostFileSystem: SpoolFileSystem {
    /// The only one there is.
    public init() {}

    /// Makes a folder and those above it, for this user alone.
    public func makeFolder(_ path: String) throws(SpoolError) {
        var built = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            let parent = built.isEmpty ? "/" : built
            built += "/" + part
            if unsafe mkdir(built, 0o700) == 0 {
                try syncFolder(parent)
            } else if errno != EEXIST {
                throw SpoolError(doing: "making a folder", path: built, errno: errno)
            }
        }
    }

    /// What `readdir` gives.
    public func names(in folder: String) throws(SpoolError) -> [String] {
        guard let directory = unsafe opendir(folder) else {
            throw SpoolError(doing: "reading a folder", path: folder, errno: errno)
        }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw SpoolError(doing: "reading a folder", path: folder, errno: errno) }
        return names
    }

    /// A descriptor of its own.
    public func open(_ path: String, _ mode: SpoolFileMode) throws(SpoolError) -> any SpoolFile {
        try HostFile(path, flags: mode == .empty ? O_CREAT | O_TRUNC : 0)
    }

    /// `rename(2)`.
    public func rename(_ path: String, to new: String) throws(SpoolError) {
        guard unsafe Glibc.rename(path, new) == 0 else {
            throw SpoolError(doing: "renaming a file", path: path, errno: errno)
        }
    }

    /// `unlink(2)`; it is no error when there is no such file.
    public func remove(_ path: String) throws(SpoolError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw SpoolError(doing: "removing a file", path: path, errno: errno)
        }
    }

    /// `fsync(2)` of the folder.
    public func syncFolder(_ path: String) throws(SpoolError) {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SpoolError(doing: "syncing a folder", path: path, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw SpoolError(doing: "syncing a folder", path: path, errno: errno)
        }
    }
}

/// A file read and written at explicit positions.
private final class HostFile: SpoolFile {
    private let path: String
    private let descriptor: Int32

    init(_ path: String, flags: Int32) throws(SpoolError) {
        let descriptor = unsafe open(path, flags | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SpoolError(doing: "opening a file", path: path, errno: errno) }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func size() throws(SpoolError) -> Int {
        let end = lseek(descriptor, 0, Int32(SEEK_END))
        guard end >= 0 else { throw SpoolError(doing: "measuring a file", path: path, errno: errno) }
        return Int(end)
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
        if failure != 0 { throw SpoolError(doing: "reading a file", path: path, errno: failure) }
        return bytes
    }

    func write(_ bytes: RawSpan, at offset: Int) throws(SpoolError) {
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
                throw SpoolError(doing: "writing a file", path: path, errno: errno)
            }
            written += count
        }
    }

    func truncate(to size: Int) throws(SpoolError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            throw SpoolError(doing: "cutting a file", path: path, errno: errno)
        }
    }

    func sync() throws(SpoolError) {
        guard fdatasync(descriptor) == 0 else {
            throw SpoolError(doing: "syncing a file", path: path, errno: errno)
        }
    }
}
