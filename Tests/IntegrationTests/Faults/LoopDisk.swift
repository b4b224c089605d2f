import Foundation

/// A small ext4 file system in a file, mounted: a disk of a test's own that can be full, stuck or broken.
final class LoopDisk {
    let path: String
    private let image: String
    private var isMounted = false

    /// Makes and mounts it at `path`.
    init(_ path: String, megabytes: Int, image: String) throws {
        self.path = path
        self.image = image
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Program.run("/usr/bin/truncate", ["-s", "\(megabytes)M", image])
        try Program.run(
            "/sbin/mkfs.ext4",
            ["-q", "-F", "-m", "0", "-J", "size=8", "-E", "lazy_itable_init=1,lazy_journal_init=1", image])
        try mount()
    }

    private func mount() throws {
        try Program.run("/bin/mount", ["-o", "loop,errors=remount-ro", image, path])
        isMounted = true
    }

    private var ballast: String { path + "/ballast" }

    /// Takes all the space that is left.
    func fill() throws {
        let file = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw FleetFailure("cannot fill \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var size = 0
        // Ever smaller pieces, until not a block is left.
        for piece in [16 << 20, 1 << 20, 64 << 10, 4 << 10] {
            while posix_fallocate(file, size, piece) == 0 { size += piece }
        }
    }

    /// Gives it back, for certain: the next error may come at once.
    func makeRoom() {
        unlink(ballast)
        _ = try? Program.output("/bin/sync", ["-f", path])
    }

    /// Lets every write wait.
    func freeze() throws { try Program.run("/sbin/fsfreeze", ["-f", path]) }

    /// Lets them go on; it is no error when nothing is frozen.
    func thaw() { _ = try? Program.output("/sbin/fsfreeze", ["-u", path]) }

    /// Makes ext4 find an error, after which it is read-only.
    func breakReadOnly() throws {
        let device =
            try Program.run("/bin/findmnt", ["-n", "-o", "SOURCE", path])
            .trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "/").last ?? ""
        try Data("1\n".utf8).write(to: URL(filePath: "/sys/fs/ext4/\(device)/trigger_fs_error"))
    }

    /// What an operator does then; nobody may use it meanwhile.
    func repair() throws {
        unmount()
        // 1: errors were found and corrected.
        let (status, text) = try Program.output("/sbin/e2fsck", ["-f", "-y", image])
        guard status <= 1 else { throw FleetFailure("e2fsck: \(text)") }
        try mount()
    }

    private func unmount() {
        guard isMounted else { return }
        thaw()
        for _ in 0..<50 {
            if umount2(path, 0) == 0 {
                isMounted = false
                return
            }
            usleep(100_000)
        }
        umount2(path, Int32(MNT_DETACH))
        isMounted = false
    }

    /// Unmounts it and removes the file.
    func remove() {
        unmount()
        unlink(image)
    }
}

extension Program {
    /// Runs a program that has to succeed and returns what it printed.
    @discardableResult
    static func run(_ name: String, _ arguments: [String]) throws -> String {
        let (status, text) = try output(name, arguments)
        guard status == 0 else {
            throw FleetFailure("\(name) \(arguments.joined(separator: " ")): status \(status)\n\(text)")
        }
        return text
    }
}
