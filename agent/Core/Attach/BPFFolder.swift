import BPF
import CPlatform
import Glibc
import Logging

/// The folder in the BPF file system where attacher and streamer meet.
struct BPFFolder {
    let path: String

    /// Makes it, mounting a BPF file system at `/sys/fs/bpf` if there is none, and removes pins of another layout.
    static func prepare(_ path: String, log: Logger) throws -> BPFFolder {
        let root = "/sys/fs/bpf"
        if unsafe ps_is_bpffs(root) != 1 {
            let result = unsafe ps_mount_bpffs(root)
            guard result == 0 else {
                throw Files.failure("mounting a BPF file system at \(root)", -result)
            }
            log.info("mounted a BPF file system", metadata: ["path": "\(root)"])
        }
        try Files.makeFolder(path)
        guard unsafe ps_is_bpffs(path) == 1 else {
            throw AgentError(
                doing: "preparing \(path)", reason: "it is not on a BPF file system",
                remedy: "choose a folder under /sys/fs/bpf")
        }
        let folder = BPFFolder(path: path)
        folder.removeForeignPins(log: log)
        return folder
    }

    private func removeForeignPins(log: Logger) {
        guard Files.identity(path + "/meta") != nil else { return }
        if (try? CaptureMaps(directory: path)) != nil { return }
        log.notice("removing pinned maps of another version", metadata: ["path": "\(path)"])
        remove()
    }

    /// Removes the pins and the folder. Maps in use elsewhere live on.
    func remove() {
        for name in CaptureMaps.names { _ = unsafe unlink(path + "/" + name) }
        _ = unsafe rmdir(path)
    }

    /// Hands folder and pins to the streamer's user, and to nobody else.
    func give(to user: SystemUser, log: Logger) throws(AgentError) {
        for file in [path] + CaptureMaps.names.map({ path + "/" + $0 }) {
            guard unsafe chown(file, user.uid, user.gid) == 0 else {
                throw Files.failure("giving \(file) to user \(user.name)")
            }
        }
        guard unsafe chmod(path, 0o700) == 0 else { throw Files.failure("closing \(path) to others") }
        try letPass(user, log: log)
    }

    /// Lets the user pass through the folders above, which systemd mounts for root alone. What is in them is protected
    /// by its own permissions.
    private func letPass(_ user: SystemUser, log: Logger) throws(AgentError) {
        var folder = ""
        for part in path.split(separator: "/").dropLast() {
            folder += "/" + part
            guard let access = FileAccess(folder), !access.allows(1, to: user),
                unsafe ps_is_bpffs(folder) == 1
            else {
                continue
            }
            guard unsafe chmod(folder, access.mode | 0o001) == 0 else {
                throw Files.failure("letting user \(user.name) pass through \(folder)")
            }
            log.notice(
                "others may now pass through a folder that only its owner could enter",
                metadata: ["path": "\(folder)", "user": "\(user.name)"])
        }
    }
}

/// A user of this system.
public struct SystemUser: Sendable {
    /// Its name.
    public let name: String
    let uid: uid_t
    let gid: gid_t

    /// The name of user `id`, or the number when it has none.
    static func name(_ id: uid_t) -> String {
        guard let entry = unsafe getpwuid(id) else { return "\(id)" }
        return unsafe String(cString: entry.pointee.pw_name)
    }

    /// Looks up `name`.
    public init(named name: String) throws(AgentError) {
        guard let entry = unsafe getpwnam(name) else {
            throw AgentError(
                doing: "looking up user \(name)", reason: "there is no such user",
                remedy: "create it with `useradd --system --no-create-home \(name)`, or set `user` to another"
            )
        }
        self.name = name
        unsafe uid = entry.pointee.pw_uid
        unsafe gid = entry.pointee.pw_gid
    }
}
