internal import Glibc

/// An advisory lock on a file (`flock`), freed when its holder lets go or dies.
struct FileLock: ~Copyable {
    private let descriptor: Int32

    /// Opens the file, making it if it is missing; nothing is locked yet.
    init(_ path: String, operation: String) throws(PostgreSQLError) {
        var opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        if opened < 0 && errno == EACCES { opened = unsafe open(path, O_RDONLY | O_CLOEXEC) }
        guard opened >= 0 else {
            throw PostgreSQLError(
                message: "cannot open \(path): \(FileSystem.text(ofError: errno))",
                hint: "is the directory writable for this user?", operation: operation)
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Waits for the lock alone.
    func lockAlone() { lock(LOCK_EX) }
    /// Waits for the lock together with others.
    func lockTogether() { lock(LOCK_SH) }
    /// Takes the lock alone if nobody else holds it. A failed try may lose what was held.
    func tryLockAlone() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    private func lock(_ kind: Int32) {
        while flock(descriptor, kind) != 0 && errno == EINTR {}
    }
}
