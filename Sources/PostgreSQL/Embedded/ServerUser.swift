internal import Glibc

/// The user a private server runs as: PostgreSQL refuses root.
struct ServerUser: Equatable {
    let name: String
    let uid: UInt32
    let gid: UInt32

    /// The user this process is.
    static func current() -> ServerUser {
        with(uid: geteuid()) ?? ServerUser(name: "", uid: geteuid(), gid: getegid())
    }

    /// Whether this process runs as root, so that the server needs another user.
    static var isRoot: Bool { geteuid() == 0 }

    /// Chooses the user for a server under `directory` (absolute, existing).
    ///
    /// An existing data directory decides by its owner. Else, for root: the `postgres` system user, the owner
    /// of the nearest directory above that is not root's, `nobody`, whoever of them can reach the directory.
    static func choose(
        directory: String, data: String, operation: String
    ) throws(PostgreSQLError) -> ServerUser {
        let me = current()
        if let owner = FileSystem.status(data)?.owner {
            if owner == 0 {
                throw PostgreSQLError(
                    message: "\(data) belongs to root, and PostgreSQL does not run as root",
                    hint: "chown -R postgres \(data), or move it away to begin a new one",
                    operation: operation)
            }
            guard let user = with(uid: owner) else {
                throw PostgreSQLError(
                    message: "\(data) belongs to uid \(owner), which is no user of this machine",
                    hint: "chown -R it to a user, or move it away to begin a new one", operation: operation)
            }
            guard isRoot || owner == me.uid else {
                throw PostgreSQLError(
                    message: "\(data) belongs to \(user.name)",
                    hint: "run as root or as \(user.name), or choose another directory", operation: operation)
            }
            if let barrier = user.barrier(above: directory) {
                throw user.unreachable(directory, barrier, operation)
            }
            return user
        }
        guard isRoot else { return me }
        var candidates = [named("postgres"), owner(above: directory), named("nobody")].compactMap { $0 }
        candidates.removeAll { $0.uid == 0 }
        var refusal: PostgreSQLError?
        for user in candidates {
            guard let barrier = user.barrier(above: directory) else { return user }
            refusal = refusal ?? user.unreachable(directory, barrier, operation)
        }
        throw refusal
            ?? PostgreSQLError(
                message: "PostgreSQL does not run as root, and there is neither a user postgres nor nobody",
                hint: "apt install postgresql makes the user", operation: operation)
    }

    private func unreachable(_ directory: String, _ barrier: Barrier, _ operation: String) -> PostgreSQLError
    {
        switch barrier {
        case .closed(let closed):
            PostgreSQLError(
                message:
                    "the server runs as \(name), who cannot pass through \(closed) to reach \(directory)",
                hint: "chmod o+x \(closed), or choose another directory: "
                    + "--database embedded:/var/lib/peerscope/db", operation: operation)
        case .cannotBecome(let reason):
            PostgreSQLError(
                message: "cannot become user \(name): \(reason)",
                hint: "run as an ordinary user, or give this container CAP_SETUID and CAP_SETGID",
                operation: operation)
        }
    }

    /// What keeps a user from a directory.
    enum Barrier: Equatable {
        /// This directory cannot be traversed.
        case closed(String)
        /// This process may not become that user.
        case cannotBecome(String)
    }

    /// What keeps this user from entering `directory`, tried as that user; `nil` when nothing does.
    func barrier(above directory: String) -> Barrier? {
        guard uid != geteuid() else { return nil }
        func canEnter(_ path: String) throws(PostgreSQLError) -> Bool {
            try ChildProcess.run(["test", "-x", path], as: self, operation: "trying \(path)").status == 0
        }
        do throws(PostgreSQLError) {
            if try canEnter(directory) { return nil }
            var path = ""
            for part in directory.split(separator: "/") {
                path += "/" + part
                if try !canEnter(path) { return .closed(path) }
            }
            return .closed(directory)
        } catch {
            return .cannotBecome(error.message)
        }
    }

    /// The owner of the nearest directory at or above `path` that does not belong to root.
    private static func owner(above path: String) -> ServerUser? {
        var place: String? = path
        while let directory = place {
            if let owner = FileSystem.status(directory)?.owner, owner != 0 { return with(uid: owner) }
            place = FileSystem.parent(of: directory)
        }
        return nil
    }

    static func named(_ name: String) -> ServerUser? {
        unsafe look { entry, buffer, size, found in
            unsafe getpwnam_r(name, entry, buffer, size, found)
        }
    }

    static func with(uid: UInt32) -> ServerUser? {
        unsafe look { entry, buffer, size, found in
            unsafe getpwuid_r(uid, entry, buffer, size, found)
        }
    }

    private static func look(
        _ call: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32
    ) -> ServerUser? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 * 1024)
        // Proof: the entry's strings lie in `buffer` and are copied before it goes away.
        return unsafe buffer.withUnsafeMutableBufferPointer { space in
            guard let base = space.baseAddress,
                unsafe call(&entry, base, space.count, &found) == 0, let user = unsafe found
            else { return nil }
            return unsafe ServerUser(
                name: String(cString: user.pointee.pw_name), uid: user.pointee.pw_uid,
                gid: user.pointee.pw_gid)
        }
    }
}
