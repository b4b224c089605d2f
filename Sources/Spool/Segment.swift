import CollectorProtocol

/// A file of batches, one behind the other.
struct Segment {
    /// Where a batch lies in its segment.
    struct Entry {
        let first: UInt64
        let last: UInt64
        let offset: Int
        let length: Int

        init(_ header: BatchHeader, at offset: Int) {
            first = header.firstSequence
            last = header.lastSequence
            self.offset = offset
            length = header.byteCount
        }
    }

    let file: any SpoolFile
    let path: String
    /// In the order of their numbers.
    var entries: [Entry] = []
    /// Bytes in the file, damaged ones among them.
    var size = 0
    /// Bytes from its front on that are on disk.
    var synced = 0
    /// A sync has failed: what follows `synced` is written again before the next one.
    var isSuspect = false
    /// Its name is on disk.
    var isNamed = false

    init(_ file: any SpoolFile, path: String) {
        self.file = file
        self.path = path
    }

    var first: UInt64 { entries.first?.first ?? 0 }
    var last: UInt64 { entries.last?.last ?? 0 }
    /// The number with which the next batch begins if nothing is missing: at the front the one in the name.
    var expected: UInt64? {
        if let last = entries.last?.last { return last + 1 }
        return UInt64(path.suffix(Self.suffix.count + 20).prefix(20))
    }
    /// Whether a power failure leaves at least its front.
    var isDurable: Bool { synced > 0 && isNamed }

    private static let suffix = ".batches"

    static func name(_ first: UInt64) -> String {
        let digits = String(first)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + suffix
    }

    static func isName(_ name: String) -> Bool { name.hasSuffix(suffix) && name.utf8.count == 28 }

    /// Whether it is a replacement that a crash kept from being renamed into place.
    static func isLeftOver(_ name: String) -> Bool { name.hasSuffix(suffix + ".new") }
}
