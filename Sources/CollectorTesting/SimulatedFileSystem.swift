import ByteCodec
import Glibc
public import Spool
import Synchronization

/// A file system in memory with a page cache, for spools that shall meet crashes.
///
/// What a power failure does to what was not synced is as bad as POSIX allows: of every write any sectors may be on
/// disk, the file's length may have grown without its content, and of a folder's changes any may have happened, in
/// their order; only a rename happens whole. A failed sync leaves the cache as it is and forgets what was to be
/// written, as Linux does: the next one succeeds without having written it. Making a folder is durable at once.
///
/// Every call counts as one operation; at the one that is named in advance the machine stops, and from then on
/// every call fails, until ``restart(after:)``.
public final class SimulatedFileSystem: SpoolFileSystem {
    /// What ends.
    public enum Crash: Sendable {
        /// The process: its page cache stays.
        case process
        /// The machine: what was not synced is there in part.
        case power
    }

    /// The smallest part of a write that is on disk or not. Small, so that small batches can be torn too.
    public static let sectorBytes = 64

    struct Inode {
        var cached: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [FileChange] = []
    }

    enum FileChange {
        case write(offset: Int, bytes: [UInt8])
        case cut(size: Int)
    }

    struct Folder {
        var cached: [String: Int] = [:]
        var durable: [String: Int] = [:]
        var pending: [FolderChange] = []
    }

    enum FolderChange {
        case link(String, inode: Int)
        case unlink(String)
        case rename(String, to: String, inode: Int)
    }

    struct State {
        var generator: SeededGenerator
        var inodes: [Inode] = []
        var folders: [String: Folder] = ["/": Folder()]
        var operations = 0
        var stopsAt = Int.max
        var isDown = false
        var boots = 0
        var errors = Errors()
    }

    /// What goes wrong without the machine stopping.
    public struct Errors: Sendable {
        /// One change or sync in so many fails with EIO; 0 for none.
        public var oneIn = 0
        /// Every reading of a file fails with EIO.
        public var areReadsRefused = false
        /// Bytes that the disk holds; beyond them writes and new names fail with ENOSPC.
        public var capacity = Int.max
        /// Everything that would change the disk fails with EROFS.
        public var isReadOnly = false

        /// No errors.
        public init() {}
    }

    private let state: Mutex<State>

    /// An empty disk whose crashes and errors follow `seed`.
    public init(seed: UInt64) { state = Mutex(State(generator: SeededGenerator(seed: seed))) }

    /// What goes wrong from now on.
    public var errors: Errors {
        get { state.withLock { $0.errors } }
        set { state.withLock { $0.errors = newValue } }
    }

    /// Operations so far.
    public var operations: Int { state.withLock { $0.operations } }

    /// Stops the machine at this operation, counted from the first of all.
    public func stop(at operation: Int) { state.withLock { $0.stopsAt = operation } }

    /// Whether the machine has stopped.
    public var isDown: Bool { state.withLock { $0.isDown } }

    /// Stops the machine, if it has not stopped itself, and starts it again; open files are gone.
    public func restart(after crash: Crash) {
        state.withLock { state in
            if crash == .power { state.losePower() }
            state.boots += 1
            state.isDown = false
            state.stopsAt = .max
        }
    }

    /// The content of a file as programs see it, or nil.
    public func bytes(of path: String) -> [UInt8]? {
        state.withLock { state in state.inode(path).map { state.inodes[$0].cached } }
    }

    /// Changes a file on disk and in the cache, as a failing disk does.
    public func damage(_ path: String, _ change: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard let inode = state.inode(path) else { return }
            change(&state.inodes[inode].cached)
            state.inodes[inode].durable = state.inodes[inode].cached
            state.inodes[inode].pending = []
        }
    }

    // MARK: - SpoolFileSystem

    /// Makes a folder and those above it.
    public func makeFolder(_ path: String) throws(SpoolError) {
        try perform("making a folder", path, .change) { state in
            var built = ""
            for part in path.split(separator: "/") {
                built += "/" + part
                if state.folders[built] == nil { state.folders[built] = Folder() }
            }
            return 0
        }
    }

    /// The names in a folder.
    public func names(in folder: String) throws(SpoolError) -> [String] {
        var names: [String] = []
        try perform("reading a folder", folder, .look) { state in
            guard let found = state.folders[folder] else { return ENOENT }
            names = Array(found.cached.keys)
            return 0
        }
        return names
    }

    /// Opens a file.
    public func open(_ path: String, _ mode: SpoolFileMode) throws(SpoolError) -> any SpoolFile {
        var opened = (inode: 0, boot: 0)
        try perform("opening a file", path, mode == .empty ? .change : .look) { state in
            let place = Self.split(path)
            guard state.folders[place.folder] != nil else { return ENOENT }
            if let inode = state.inode(path) {
                opened.inode = inode
                if mode == .empty { state.cut(inode, to: 0) }
            } else {
                guard mode == .empty else { return ENOENT }
                guard state.room > 0 else { return ENOSPC }
                opened.inode = state.inodes.count
                state.inodes.append(Inode())
                state.change(place.folder, .link(place.name, inode: opened.inode))
            }
            opened.boot = state.boots
            return 0
        }
        return SimulatedFile(self, path: path, inode: opened.inode, boot: opened.boot)
    }

    /// Gives a file another name.
    public func rename(_ path: String, to new: String) throws(SpoolError) {
        try perform("renaming a file", path, .change) { state in
            guard let inode = state.inode(path) else { return ENOENT }
            let place = Self.split(path)
            state.change(place.folder, .rename(place.name, to: Self.split(new).name, inode: inode))
            return 0
        }
    }

    /// Takes a file's name away.
    public func remove(_ path: String) throws(SpoolError) {
        try perform("removing a file", path, .change) { state in
            if state.inode(path) != nil {
                let place = Self.split(path)
                state.change(place.folder, .unlink(place.name))
            }
            return 0
        }
    }

    /// Makes a folder's names durable.
    public func syncFolder(_ path: String) throws(SpoolError) {
        try perform("syncing a folder", path, .sync) { state in
            guard let folder = state.folders[path] else { return ENOENT }
            state.folders[path]?.durable = folder.cached
            state.folders[path]?.pending = []
            return 0
        }
    }

    // MARK: - Operations

    enum Kind {
        case look, read, change, sync
    }

    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    /// Does one operation, unless the machine stops or an error is due. `body` gives the system's error number.
    ///
    /// - Parameter boot: when the file was opened; nil for a path.
    func perform(
        _ doing: String, _ path: String, boot: Int? = nil, _ kind: Kind,
        interrupted: (inout State) -> Void = { _ in }, _ body: (inout State) -> Int32
    ) throws(SpoolError) {
        let code = state.withLock { state -> Int32 in
            guard !state.isDown, boot ?? state.boots == state.boots else { return ESHUTDOWN }
            state.operations += 1
            if state.operations > state.stopsAt {
                state.isDown = true
                interrupted(&state)
                return ESHUTDOWN
            }
            if kind == .change, state.errors.isReadOnly { return EROFS }
            if kind == .read, state.errors.areReadsRefused { return EIO }
            if kind == .change || kind == .sync, state.errors.oneIn > 0,
                state.generator.once(in: state.errors.oneIn)
            {
                interrupted(&state)
                return EIO
            }
            return body(&state)
        }
        guard code == 0 else { throw SpoolError(doing: doing, path: path, errno: code) }
    }
}

/// An open file of a ``SimulatedFileSystem``.
private final class SimulatedFile: SpoolFile {
    private let disk: SimulatedFileSystem
    private let path: String
    private let inode: Int
    private let boot: Int

    init(_ disk: SimulatedFileSystem, path: String, inode: Int, boot: Int) {
        self.disk = disk
        self.path = path
        self.inode = inode
        self.boot = boot
    }

    func size() throws(SpoolError) -> Int {
        var size = 0
        try disk.perform("measuring a file", path, boot: boot, .look) { [inode] state in
            size = state.inodes[inode].cached.count
            return 0
        }
        return size
    }

    func read(at offset: Int, count: Int) throws(SpoolError) -> [UInt8] {
        var bytes: [UInt8] = []
        try disk.perform("reading a file", path, boot: boot, .read) { [inode] state in
            bytes = Array(state.inodes[inode].cached.dropFirst(offset).prefix(count))
            return 0
        }
        return bytes
    }

    func write(_ bytes: RawSpan, at offset: Int) throws(SpoolError) {
        let copy = bytes.copied()
        try disk.perform(
            "writing a file", path, boot: boot, .change,
            interrupted: { [inode] state in
                let part = Int.random(in: 0...copy.count, using: &state.generator)
                state.write(Array(copy.prefix(part)), to: inode, at: offset)
            }
        ) { [inode] state in
            let room = state.room
            let grows = max(0, offset + copy.count - state.inodes[inode].cached.count)
            state.write(Array(copy.prefix(copy.count - max(0, grows - room))), to: inode, at: offset)
            return grows > room ? ENOSPC : 0
        }
    }

    func truncate(to size: Int) throws(SpoolError) {
        try disk.perform("cutting a file", path, boot: boot, .change) { [inode] state in
            state.cut(inode, to: size)
            return 0
        }
    }

    func sync() throws(SpoolError) {
        try disk.perform(
            "syncing a file", path, boot: boot, .sync,
            interrupted: { [inode] state in
                // The machine stopping loses nothing more; a failing disk forgets what was to be written.
                if !state.isDown { state.inodes[inode].pending = [] }
            }
        ) { [inode] state in
            state.flush(inode)
            return 0
        }
    }
}
