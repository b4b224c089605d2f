import CPlatform
import Glibc

/// What ``HostCheck`` looks at besides files of the agent: this machine, or in a test one that lacks something.
struct HostFacts {
    /// The kernel's release.
    var kernel = HostIdentity.kernel
    /// What this process may do.
    var capabilities = Capabilities.effective
    /// Whether root asks.
    var isRoot = getuid() == 0
    /// Whether there is a BPF file system at `/sys/fs/bpf`.
    var hasBPFFileSystem = unsafe ps_is_bpffs("/sys/fs/bpf") == 1
    /// Mode of `/sys/fs/bpf`.
    var bpfFolderMode = FileAccess("/sys/fs/bpf")?.mode ?? 0o777
    /// The kernel's estimate of its clock.
    var clock = ps_clock_quality_now()
    /// The content of a file under `/proc` or `/sys`, which tells of the kernel; nil when it is not there.
    var kernelFile: (String) -> String? = { Files.text($0) }
}

/// Who may do what with a file.
struct FileAccess {
    let owner: uid_t
    let group: gid_t
    /// Permission bits.
    let mode: mode_t

    /// Of the file or folder at `path`; nil when it is not there or cannot be seen.
    init?(_ path: String) {
        var about = ps_file()
        guard unsafe ps_file_about(path, &about) == 0 else { return nil }
        (owner, group, mode) = (about.owner, about.group, about.mode & 0o7777)
    }

    /// Whether `user`, without privileges and other groups, has the permission of these bits, 4 to read and 1 to enter.
    func allows(_ bits: mode_t, to user: SystemUser) -> Bool {
        let shift: mode_t = owner == user.uid ? 6 : group == user.gid ? 3 : 0
        return mode >> shift & bits == bits
    }

    /// The first of the folders above `path` that `user` may not enter, or the file itself if it is that which cannot be
    /// read; nil when it can.
    static func obstacle(to path: String, for user: SystemUser) -> String? {
        var folder = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/").dropLast() {
            folder += "/" + part
            if let access = FileAccess(folder), !access.allows(1, to: user) { return folder }
        }
        guard let access = FileAccess(path), !access.allows(4, to: user) else { return nil }
        return path
    }
}
