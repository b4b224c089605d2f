internal import Glibc

/// Reading and writing the files that keys and certificates are kept in.
public enum IdentityFile {
    /// Whether others than its owner can get at what is in it.
    public enum Secrecy: Sendable {
        /// A certificate, a list: anybody may read it.
        case open
        /// A private key, or a configuration that holds one.
        ///
        /// The rule is PostgreSQL's: nobody but the owner may do anything, except that a file of root's may be
        /// readable by its group, so that a service can be given a key it cannot change.
        case secret
    }

    /// The content of a file of at most 1 MiB.
    public static func read(_ path: String, _ secrecy: Secrecy) throws(IdentityError) -> String {
        let doing = "reading \(path)"
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw failure(doing, errno, "check the path, and that this user may read it")
        }
        defer { close(file) }
        var about = stat()
        guard unsafe fstat(file, &about) == 0 else { throw failure(doing, errno, "check the file system") }
        guard about.st_mode & S_IFMT == S_IFREG, about.st_size <= 1 << 20 else {
            throw IdentityError(
                doing: doing, reason: "it is no regular file of at most 1 MiB", remedy: "check the path")
        }
        if secrecy == .secret, let lax = laxness(mode: about.st_mode, owner: about.st_uid) {
            throw IdentityError(
                doing: doing, reason: "it holds a private key, and \(lax)",
                remedy: "chmod 600 \(path); if others have read it, revoke the certificate and enroll again")
        }
        var content: [UInt8] = []
        var more = true
        while more {
            var code: Int32 = 0
            let part = unsafe [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, count in
                let got = unsafe Glibc.read(file, buffer.baseAddress, buffer.count)
                if got < 0 { code = errno }
                count = max(0, got)
            }
            if code == EINTR { continue }
            guard code == 0 else { throw failure(doing, code, "check the file system") }
            content += part
            more = !part.isEmpty && content.count <= 1 << 20
        }
        return String(decoding: content, as: UTF8.self)
    }

    /// What is wrong with the permissions of the file at `path` if it holds a secret; nil when it is private, or is not
    /// there.
    public static func laxness(of path: String) -> String? {
        var about = stat()
        guard unsafe stat(path, &about) == 0 else { return nil }
        return laxness(mode: about.st_mode, owner: about.st_uid)
    }

    /// What is wrong with a secret's permissions, in words.
    static func laxness(mode: mode_t, owner: uid_t) -> String? {
        let text = "its mode is " + String(mode & 0o777, radix: 8)
        if mode & 0o007 != 0 { return "anybody can get at it: \(text)" }
        if mode & 0o030 != 0 || (mode & 0o040 != 0 && owner != 0) {
            return "its group can get at it: \(text)"
        }
        return nil
    }

    /// Writes a file so that it is there wholly or as it was before, whatever happens.
    ///
    /// A secret is never readable by others, not even while it is being written. Root gives the file to the owner of
    /// its folder, so that what an administrator makes remains usable by the service.
    public static func write(
        _ content: String, to path: String, _ secrecy: Secrecy
    ) throws(IdentityError) {
        let doing = "writing \(path)"
        let remedy = "check that this user may write there and that the disk is not full"
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let new = path + ".new"
        // Left over by somebody who died; O_EXCL below makes sure that the file is ours.
        unsafe unlink(new)
        let file = unsafe open(
            new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secrecy == .secret ? 0o600 : 0o644)
        guard file >= 0 else { throw failure(doing, errno, remedy) }
        var code: Int32 = 0
        let bytes = Array(content.utf8)
        var done = 0
        while done < bytes.count, code == 0 {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done)
            }
            if count < 0, errno != EINTR { code = errno }
            done += max(0, count)
        }
        if code == 0, secrecy == .open, fchmod(file, 0o644) != 0 { code = errno }
        var about = stat()
        if code == 0, getuid() == 0, unsafe stat(folder.isEmpty ? "." : folder, &about) == 0,
            fchown(file, about.st_uid, about.st_gid) != 0
        {
            code = errno
        }
        if code == 0, fsync(file) != 0 { code = errno }
        close(file)
        if code == 0, unsafe rename(new, path) != 0 { code = errno }
        guard code == 0 else {
            unsafe unlink(new)
            throw failure(doing, code, remedy)
        }
        let directory = unsafe open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }

    /// Makes a folder that only its owner can enter, and those above it as usual.
    public static func makeFolder(_ path: String) throws(IdentityError) {
        let doing = "making the folder \(path)"
        let remedy = "choose a folder that this user may make"
        var built = path.hasPrefix("/") ? "" : "."
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            let parent = built.isEmpty ? "/" : built
            built += "/" + part
            let last = index == parts.count - 1
            if unsafe mkdir(built, last ? 0o700 : 0o755) == 0 {
                var about = stat()
                if getuid() == 0, unsafe stat(parent, &about) == 0 {
                    _ = unsafe chown(built, about.st_uid, about.st_gid)
                }
            } else if errno != EEXIST {
                throw failure(doing, errno, remedy)
            }
        }
    }

    private static func failure(_ doing: String, _ code: Int32, _ remedy: String) -> IdentityError {
        IdentityError(doing: doing, reason: unsafe String(cString: strerror(code)), remedy: remedy)
    }
}

/// What changes when a file's content does, or when another file takes its place.
public struct IdentityFileStamp: Equatable, Sendable {
    private let inode: UInt64
    private let size: Int
    private let seconds: Int
    private let nanoseconds: Int

    /// The stamp of the file at `path`; all zero when there is none.
    public init(_ path: String) {
        var about = stat()
        if unsafe stat(path, &about) != 0 { about = stat() }
        (inode, size) = (UInt64(about.st_ino), about.st_size)
        (seconds, nanoseconds) = (about.st_mtim.tv_sec, about.st_mtim.tv_nsec)
    }
}
