internal import ByteCodec

/// Gives each distinct string an index in the order of first appearance.
///
/// The strings lie in one buffer, already as they travel (varint length, bytes); the table of slots is open
/// addressing under a seeded hash, since peers choose some of the strings. Memory is kept across batches.
struct StringTable: Sendable {
    private struct Slot {
        /// The string's first and last bytes: all of it, up to sixteen.
        var first: UInt64 = 0
        var last: UInt64 = 0
        /// Where it lies in the buffer.
        var start: UInt32 = 0
        var count: UInt32 = 0
        /// Its index + 1: 0 where the slot is free.
        var number: UInt32 = 0
        /// As much of its hash as tells the slot.
        var hash: UInt32 = 0
    }

    private(set) var encoded = ByteWriter(capacity: 4096)
    /// Bytes of ``encoded``, at hand.
    private(set) var byteCount = 0
    private(set) var count = 0
    private var slots = [Slot](repeating: Slot(), count: 256)
    private let seed: UInt64

    init(seed: UInt64 = .random(in: .min ... .max)) { self.seed = seed }

    /// The index of `text`, which is added if it is new.
    @inline(__always)
    mutating func index(of text: RawSpan) -> Int {
        let hash = UInt32(truncatingIfNeeded: text.seededHash(seed))
        let place = find(text, hash)
        return place.index ?? add(text, hash, at: place.slot)
    }

    /// Where `text` is, or the free slot where it belongs. At most half of the slots are taken.
    ///
    /// Through spans: arrays that are read in a method that may also change them are retained and released at each
    /// access, which was a third of the agent's time for a message with its three strings.
    @inline(__always)
    private func find(_ text: RawSpan, _ hash: UInt32) -> (slot: Int, index: Int?) {
        let slots = slots.span
        let ends = text.ends
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot].number != 0 {
            let known = slots[slot]
            if known.first == ends.first, known.last == ends.last, Int(known.count) == text.byteCount,
                text.byteCount <= 16 || bytes(of: known).hasSameBytes(as: text)
            {
                return (slot, Int(known.number) - 1)
            }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    @inline(__always)
    @_lifetime(borrow self)
    private func bytes(of slot: Slot) -> RawSpan {
        encoded.span.extracting(Int(slot.start)..<Int(slot.start) + Int(slot.count))
    }

    @inline(never)
    private mutating func add(_ text: RawSpan, _ hash: UInt32, at slot: Int) -> Int {
        encoded.varint(UInt64(text.byteCount))
        let start = UInt32(encoded.count)
        encoded.append(text)
        byteCount = encoded.count
        count += 1
        let ends = text.ends
        slots[slot] = Slot(
            first: ends.first, last: ends.last, start: start, count: UInt32(text.byteCount),
            number: UInt32(count), hash: hash)
        if 2 * (count + 1) > slots.count { grow() }
        return count - 1
    }

    mutating func removeAll() {
        encoded.removeAll()
        byteCount = 0
        count = 0
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
