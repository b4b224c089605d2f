internal import ByteCodec

/// Gives each distinct string an index in the order of first appearance.
///
/// The strings lie in one buffer, already as they travel (varint length, bytes); the table of slots is open
/// addressing under a seeded hash, since peers choose some of the strings. Memory is kept across batches.
struct StringTable: Sendable {
    private struct Entry {
        let start: UInt32
        let count: UInt32
    }
    /// Half of a string's hash, and its index + 1: 0 where the slot is free.
    private struct Slot {
        var hash: UInt32 = 0
        var number: UInt32 = 0
    }

    private(set) var encoded = ByteWriter(capacity: 4096)
    private var entries: [Entry] = []
    private var slots = [Slot](repeating: Slot(), count: 256)
    private let seed: UInt64

    init(seed: UInt64 = .random(in: .min ... .max)) { self.seed = seed }

    var count: Int { entries.count }

    /// The index of `text`, which is added if it is new.
    @inline(__always)
    mutating func index(of text: RawSpan) -> Int {
        let hash = UInt32(truncatingIfNeeded: text.seededHash(seed) >> 32)
        let place = find(text, hash)
        return place.index ?? add(text, hash, at: place.slot)
    }

    /// Where `text` is, or the free slot where it belongs. At most half of the slots are taken.
    ///
    /// Through spans: arrays that are read in a method that may also change them are retained and released at each
    /// access, which was a third of the agent's time for a message with its three strings.
    private func find(_ text: RawSpan, _ hash: UInt32) -> (slot: Int, index: Int?) {
        let slots = slots.span
        let entries = entries.span
        let encoded = encoded.span
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot].number != 0 {
            if slots[slot].hash == hash {
                let index = Int(slots[slot].number) - 1
                let start = Int(entries[index].start)
                if encoded.extracting(start..<start + Int(entries[index].count)).hasSameBytes(as: text) {
                    return (slot, index)
                }
            }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    @inline(never)
    private mutating func add(_ text: RawSpan, _ hash: UInt32, at slot: Int) -> Int {
        encoded.varint(UInt64(text.byteCount))
        entries.append(Entry(start: UInt32(encoded.count), count: UInt32(text.byteCount)))
        encoded.append(text)
        slots[slot] = Slot(hash: hash, number: UInt32(entries.count))
        if 2 * (entries.count + 1) > slots.count { grow() }
        return entries.count - 1
    }

    mutating func removeAll() {
        encoded.removeAll()
        entries.removeAll(keepingCapacity: true)
        var slots = slots.mutableSpan
        for slot in slots.indices { slots[slot] = Slot() }
    }

    private mutating func grow() {
        var grown = [Slot](repeating: Slot(), count: 2 * slots.count)
        let mask = grown.count - 1
        for taken in slots where taken.number != 0 {
            var slot = Int(taken.hash) & mask
            while grown[slot].number != 0 { slot = (slot + 1) & mask }
            grown[slot] = taken
        }
        slots = grown
    }
}
