import BPF
import CRecord

/// What the attacher has done, read from its map in order.
struct Journal {
    struct Entry {
        let at: UInt64
        /// Since when nothing had been attached, when there was an attacher before; else 0.
        let blindFrom: UInt64
        let binary: BinaryIdentity
        let kind: UInt32
        let tracepoint: UInt8
        let arguments: UInt8
        let semaphore: Bool
        let layout: UInt8
        let sites: UInt32
        let path: String
        let detail: String

        var attached: Bool { kind == PS_JOURNAL_ATTACHED.rawValue }
    }

    private(set) var entries: [Entry] = []
    private var read: UInt64 = 0

    /// Entries written since the last call.
    mutating func readNew(_ maps: CaptureMaps) -> [Entry] {
        guard let head = maps.meta.value(0)?.journal_head, head > read else { return [] }
        let first = max(read, head > UInt64(PS_JOURNAL) ? head - UInt64(PS_JOURNAL) : 0)
        var fresh: [Entry] = []
        for index in first..<head {
            guard let raw = maps.journal.value(UInt32(index % UInt64(PS_JOURNAL))) else { continue }
            fresh.append(
                Entry(
                    at: raw.at_ns, blindFrom: raw.from_ns,
                    binary: BinaryIdentity(device: raw.dev, inode: raw.inode), kind: raw.kind,
                    tracepoint: raw.tracepoint, arguments: raw.arguments, semaphore: raw.semaphore != 0,
                    layout: raw.layout, sites: raw.sites, path: fixedText(raw.path),
                    detail: fixedText(raw.detail)))
        }
        entries.append(contentsOf: fresh)
        entries.removeFirst(max(0, entries.count - Int(PS_JOURNAL)))
        read = head
        return fresh
    }
}
