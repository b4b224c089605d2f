import CPlatform
import Glibc

/// Small whole files: what `/proc`, pid files and the state folder hold.
enum Files {
    /// The content of a file of at most 64 KiB, or nil when it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var content: [UInt8] = []
        var failed = false
        while content.count < 64 << 10, !failed {
            let part = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                let got = unsafe Glibc.read(file, buffer.baseAddress, buffer.count)
                count = max(0, got)
                failed = got <= 0
            }
            content.append(contentsOf: part)
        }
        return content
    }

    /// The content as text.
    static func text(_ path: String) -> String? {
        read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Makes a folder and those above it.
    static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(AgentError) {
        var built = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            built += "/" + part
            guard unsafe mkdir(built, mode) == 0 || errno == EEXIST else {
                throw failure("making the folder \(built)")
            }
        }
    }

    static func failure(_ doing: String, _ code: Int32 = errno) -> AgentError {
        let remedy: String? =
            switch code {
            case EACCES, EPERM, EROFS: "run as a user who may, or choose another folder"
            case ENOSPC: "free space there"
            default: nil
            }
        return AgentError(doing: doing, reason: unsafe String(cString: strerror(code)), remedy: remedy)
    }

    /// Names in a folder.
    static func names(in folder: String) -> [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            names.append(
                unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                    unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) {
                        unsafe String(cString: $0)
                    }
                })
        }
        return names
    }

    /// Where a symbolic link points.
    static func link(_ path: String) -> String? {
        let target = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
                guard let base = characters.baseAddress else { return 0 }
                return max(0, unsafe readlink(path, base, characters.count))
            }
        }
        return target.isEmpty ? nil : String(decoding: target, as: UTF8.self)
    }

    /// The file's device and inode.
    static func identity(_ path: String) -> BinaryIdentity? {
        var about = ps_file()
        guard unsafe ps_file_about(path, &about) == 0 else { return nil }
        return BinaryIdentity(device: about.device, inode: about.inode)
    }
}

/// A binary on disk: a replaced one has another inode, and processes of the old one go on.
struct BinaryIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
}

/// What changes when a file's content does.
struct FileStamp: Equatable {
    private let size: UInt64
    private let seconds: Int64
    private let nanoseconds: Int64

    /// The stamp of the file at `path`; zero when there is none.
    init(_ path: String) {
        var about = ps_file()
        if unsafe ps_file_about(path, &about) != 0 { about = ps_file() }
        (size, seconds, nanoseconds) = (about.size, about.changed_s, about.changed_ns)
    }
}
