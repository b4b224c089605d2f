internal import Glibc

/// How many files, and so connections, this process may have open.
enum FileLimit {
    /// Files that are no connections: the database's, the log's, and those of whoever asks for certificates.
    static let others = 128

    /// Raises the limit to what is allowed, and gives it.
    static func raise() -> Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(7)  // RLIMIT_NOFILE
        guard unsafe getrlimit(files, &limit) == 0 else { return 1024 }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(files, &limit)
        guard unsafe getrlimit(files, &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}
