import Glibc

/// A file that appears under its name only when it is whole.
///
/// Until then it is `NAME.partial`, locked while it is written, and removed when the writing does not come to
/// its end. What a killed program left under that name is taken over by the next.
final class OutputFile {
    let path: String
    let partialPath: String
    let descriptor: Int32
    private var isOpen = true

    /// Begins the file.
    ///
    /// - Parameter replaces: whether a file of that name may be there, to be replaced in the end.
    init(_ path: String, replaces: Bool) throws {
        let operation = "writing \(path)"
        try Self.refuse(path, unless: replaces, operation)
        partialPath = path + ".partial"
        descriptor = try Self.locked(partialPath, operation)
        self.path = path
    }

    deinit { discard() }

    /// Writes all of `bytes`.
    func write(_ bytes: [UInt8]) throws {
        let error = writeWhole(bytes, to: descriptor)
        guard error == 0 else { throw Self.failure(error, "writing \(partialPath)") }
    }

    /// Waits until all that was written is on disk.
    func synchronize() throws {
        guard fsync(descriptor) == 0 else { throw Self.failure(errno, "writing \(partialPath)") }
    }

    /// Gives the file its own name, in place of what is there.
    func publish() throws {
        guard unsafe rename(partialPath, path) == 0 else { throw Self.failure(errno, "writing \(path)") }
        close(descriptor)
        isOpen = false
        // The name is safe only when its folder is on disk too; a file system that cannot do that does it itself.
        let folder = unsafe open(Self.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Removes what was written, unless it is published.
    func discard() {
        guard isOpen else { return }
        unsafe unlink(partialPath)
        close(descriptor)
        isOpen = false
    }

    private static func refuse(_ path: String, unless replaces: Bool, _ operation: String) throws {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ExportError(
                operation: operation, message: "that is there already and is no regular file",
                hint: "name a file, or write to standard output: --output -")
        }
        guard replaces else {
            throw ExportError(
                operation: operation, message: "the file exists already",
                hint: "choose another name, or replace it with --force")
        }
    }

    /// An empty file that nobody else writes.
    private static func locked(_ path: String, _ operation: String) throws -> Int32 {
        while true {
            let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
            guard descriptor >= 0 else { throw failure(errno, operation) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let error = errno
                close(descriptor)
                guard error == EWOULDBLOCK else { throw failure(error, operation) }
                throw ExportError(
                    operation: operation, message: "another export writes \(path)",
                    hint: "wait for its end, or choose another name")
            }
            // Another export may have finished between open and flock: then this is its file, whole and renamed.
            var ours = stat()
            var named = stat()
            if unsafe fstat(descriptor, &ours) == 0, unsafe stat(path, &named) == 0,
                ours.st_ino == named.st_ino
            {
                guard ftruncate(descriptor, 0) == 0 else {
                    let error = errno
                    close(descriptor)
                    throw failure(error, operation)
                }
                return descriptor
            }
            close(descriptor)
        }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func failure(_ error: Int32, _ operation: String) -> ExportError {
        let hint: String? =
            switch error {
            case ENOSPC, EDQUOT: "the disk is full: free space, or choose another folder"
            case ENOENT, ENOTDIR: "make the folder first"
            case EACCES, EPERM, EROFS: "choose a folder that this user can write"
            default: nil
            }
        return ExportError(operation: operation, message: errorText(error), hint: hint)
    }
}

/// The words for an error number.
func errorText(_ number: Int32) -> String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text)
}

/// Writes all of `bytes` to a descriptor; 0 or the error number.
func writeWhole(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var done = 0
    while done < bytes.count {
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done)
        }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : EIO }
        done += count
    }
    return 0
}
