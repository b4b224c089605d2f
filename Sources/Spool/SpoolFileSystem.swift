import ByteCodec

/// What spools and stream folders ask of a file system, so that a test can take its place.
///
/// The promises are POSIX's and no more: what was written, and what a folder's names are, can be lost by a power
/// failure in any part and any order until it was synced. Errors carry the system's number.
public protocol SpoolFileSystem: Sendable {
    /// Makes a folder and those above it, and syncs the folders that got a new name.
    func makeFolder(_ path: String) throws(SpoolError)
    /// The names in a folder, in no order.
    func names(in folder: String) throws(SpoolError) -> [String]
    /// Opens a file for reading and writing.
    func open(_ path: String, _ mode: SpoolFileMode) throws(SpoolError) -> any SpoolFile
    /// Gives a file another name at once, replacing what had it.
    func rename(_ path: String, to new: String) throws(SpoolError)
    /// Takes a file's name away; who has it open goes on to read it.
    func remove(_ path: String) throws(SpoolError)
    /// Waits until the folder's names are on disk.
    func syncFolder(_ path: String) throws(SpoolError)
}

/// How a file is opened.
public enum SpoolFileMode: Sendable {
    /// It has to be there.
    case existing
    /// It is made, or emptied.
    case empty
}

/// An open file. Closed when the last reference goes.
public protocol SpoolFile: AnyObject, Sendable {
    /// Bytes in it.
    func size() throws(SpoolError) -> Int
    /// Up to `count` bytes from `offset` on; fewer at the file's end.
    func read(at offset: Int, count: Int) throws(SpoolError) -> [UInt8]
    /// Writes all of `bytes`; after an error any part of them may be there.
    func write(_ bytes: RawSpan, at offset: Int) throws(SpoolError)
    /// Cuts the file to `size` bytes.
    func truncate(to size: Int) throws(SpoolError)
    /// Waits until the content is on disk.
    ///
    /// After an error nothing is known of what was written since the last success, and a second call may succeed
    /// without having written it: that is how Linux reports a failed write-back.
    func sync() throws(SpoolError)
}

extension SpoolFileSystem {
    /// The whole content of a small file, or nil when there is no such file.
    public func content(of path: String) throws(SpoolError) -> [UInt8]? {
        do {
            let file = try open(path, .existing)
            return try file.read(at: 0, count: file.size())
        } catch {
            guard error.isNoSuchFile else { throw error }
            return nil
        }
    }

    /// Replaces a file so that after a crash either the old content or the new one is there; the new one when this
    /// has returned.
    @discardableResult
    public func replace(_ path: String, with bytes: [UInt8]) throws(SpoolError) -> any SpoolFile {
        let file = try open(path + ".new", .empty)
        try file.write(bytes.span.raw, at: 0)
        try file.sync()
        try rename(path + ".new", to: path)
        try syncFolder(path.parentFolder)
        return file
    }
}

extension String {
    /// The path without its last component.
    var parentFolder: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}
