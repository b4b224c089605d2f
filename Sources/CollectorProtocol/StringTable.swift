internal import ByteCodec

/// Gives each distinct string an index in the order of first appearance.
///
/// The strings lie in one buffer, already as they travel (varint length, bytes); the table of slots is open
/// addressing under a seeded hash, since peers choose some of the strings. Memory is kept across batches.
struct StringTable: Sendable {
    private struct Entry {
        let hash: UInt64
        let start: UInt32
        let count: UInt32
    }

    private(set) var encoded = ByteWriter(capacity: 4096)
    private var entries: [Entry] = []
    private var slots = [UInt32](repeating: 0, count: 256)
    private let seed: UInt64

    init(seed: UInt64 = .random(in: .min ... .max)) { self.seed = seed }

    var count: Int { entries.count }

    /// The index of `text`, which is added if it is new.
    mutating func index(of text: RawSpan) -> Int {
        if 2 * (entries.count + 1) > slots.count { grow() }
        let hash = text.seededHash(seed)
        let place = find(text, hash)
        if let known = place.index { return known }
        encoded.varint(UInt64(text.byteCount))
        entries.append(Entry(hash: hash, start: UInt32(encoded.count), count: UInt32(text.byteCount)))
        encoded.append(text)
        slots[place.slot] = UInt32(entries.count)
        return entries.count - 1
    }

    /// Where `text` is, or the free slot where it belongs.
    ///
    /// Through spans: arrays that are read in a method that may also change them are retained and released at each
    /// access, which was a third of the agent's time for a message with its three strings.
    private func find(_ text: RawSpan, _ hash: UInt64) -> (slot: Int, index: Int?) {
        let slots = slots.span
        let entries = entries.span
        let encoded = encoded.span
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            let start = Int(entries[index].start)
            if entries[index].hash == hash,
                encoded.extracting(start..<start + Int(entries[index].count)).hasSameBytes(as: text)
            {
                return (slot, index)
            }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    mutating func removeAll() {
        encoded.removeAll()
        entries.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = 0 }
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: 2 * slots.count)
        let mask = slots.count - 1
        for (index, entry) in entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(index + 1)
        }
    }
}
