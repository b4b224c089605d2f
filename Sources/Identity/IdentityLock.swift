internal import Glibc

/// An advisory lock on a file (`flock`), freed when its holder lets go or dies.
public struct IdentityLock: Sendable {
    private let descriptor: Int32

    /// Waits for the lock, making its file if it is missing.
    public init(_ path: String) throws(IdentityError) {
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw IdentityError(
                doing: "opening \(path)", reason: unsafe String(cString: strerror(errno)),
                remedy: "check that this user may write there")
        }
        var about = stat()
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        // Made by root on behalf of a service: the service has to be able to take it.
        if getuid() == 0, unsafe stat(folder, &about) == 0 {
            _ = fchown(descriptor, about.st_uid, about.st_gid)
        }
        while flock(descriptor, LOCK_EX) != 0 && errno == EINTR {}
    }

    /// Lets go.
    public func release() { close(descriptor) }
}
