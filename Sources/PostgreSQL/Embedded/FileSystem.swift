internal import Glibc

/// The few file operations that the embedded server needs, with errno turned into words.
enum FileSystem {
    /// What `stat` says about a path, as far as it matters here.
    struct Status {
        var isDirectory: Bool
        var owner: UInt32
        var permissions: UInt32
    }

    /// The status of `path`, following symbolic links unless told otherwise; `nil` when there is none.
    static func status(_ path: String, followingLinks: Bool = true) -> Status? {
        var status = stat()
        guard unsafe (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        return Status(
            isDirectory: status.st_mode & S_IFMT == S_IFDIR, owner: status.st_uid,
            permissions: status.st_mode & 0o7777)
    }

    /// The words for an error number.
    static func text(ofError number: Int32) -> String {
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }

    /// Makes `path` and what is missing above it; 0 or the error number.
    static func makeDirectories(_ path: String, mode: UInt32) -> Int32 {
        if status(path)?.isDirectory == true { return 0 }
        if let parent = parent(of: path), status(parent) == nil {
            let error = makeDirectories(parent, mode: 0o755)
            if error != 0 { return error }
        }
        if unsafe mkdir(path, mode) == 0 { return 0 }
        let error = errno
        return error == EEXIST && status(path)?.isDirectory == true ? 0 : error
    }

    /// The directory above an absolute `path`; `nil` for the root.
    static func parent(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/"), path != "/" else { return nil }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// `path` made absolute, without `.`, `..` and double slashes; links stay.
    static func absolute(_ path: String) -> String {
        var base = ""
        if !path.hasPrefix("/") {
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
            if unsafe getcwd(&buffer, buffer.count) != nil {
                base = String(
                    decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
        }
        var parts: [Substring] = []
        for part in (base + "/" + path).split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// `path` with every link resolved; `nil` when it does not exist.
    static func resolved(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// Where the symbolic link `path` leads.
    static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The names in a directory, without `.` and `..`; empty when it cannot be read.
    static func names(in directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            // Proof: readdir ends d_name with NUL, and the entry is valid until the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Everything from a descriptor's position to its end, up to `limit` bytes.
    static func readToEnd(_ descriptor: Int32, limit: Int = 16 << 20) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while bytes.count < limit {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }

    /// A file's content from byte `offset` on; `nil` when it cannot be opened.
    static func read(_ path: String, from offset: Int = 0) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        lseek(descriptor, offset, SEEK_SET)
        return String(decoding: readToEnd(descriptor), as: UTF8.self)
    }

    /// The size of a file, 0 when there is none.
    static func size(_ path: String) -> Int {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Appends or writes a whole small file; 0 or the error number.
    static func write(_ text: String, to path: String, appending: Bool = false, mode: UInt32 = 0o644) -> Int32
    {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (appending ? O_APPEND : O_TRUNC)
        let descriptor = unsafe open(path, flags, mode)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        let bytes = [UInt8](text.utf8)
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return errno }
            done += count
        }
        return 0
    }

    /// Gives `path` to a user; 0 or the error number.
    static func give(_ path: String, uid: UInt32, gid: UInt32) -> Int32 {
        unsafe lchown(path, uid, gid) == 0 ? 0 : errno
    }

    /// Removes a file or a whole directory.
    static func remove(_ path: String) {
        if status(path, followingLinks: false)?.isDirectory == true {
            for name in names(in: path) { remove(path + "/" + name) }
            unsafe rmdir(path)
        } else {
            unsafe unlink(path)
        }
    }

    /// Our environment.
    static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var place = unsafe environ
        while let entry = unsafe place.pointee {
            let text = unsafe String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            unsafe place += 1
        }
        return variables
    }

    /// `text` without white space at its end.
    static func trimmed(_ text: String) -> String {
        var rest = Substring(text)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
