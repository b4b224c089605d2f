/// Gives each distinct number an index in the order of first appearance; open addressing, memory kept.
struct NumberTable: Sendable {
    private(set) var keys: [UInt64] = []
    private var slots = [UInt32](repeating: 0, count: 64)
    /// What was asked for last, which is often what is asked for next; the index is negative when there is nothing.
    private var lastKey: UInt64 = 0
    private var lastIndex = -1
    private(set) var count = 0

    /// The index of `key`, which is added if it is new.
    @inline(__always)
    mutating func index(of key: UInt64) -> Int {
        if lastKey == key, lastIndex >= 0 { return lastIndex }
        return lookUp(key)
    }

    @inline(never)
    private mutating func lookUp(_ key: UInt64) -> Int {
        let slot = slot(of: key)
        let index: Int
        if slots[slot] != 0 {
            index = Int(slots[slot]) - 1
        } else {
            keys.append(key)
            index = count
            count += 1
            slots[slot] = UInt32(count)
            if 2 * (count + 1) > slots.count { grow() }
        }
        lastKey = key
        lastIndex = index
        return index
    }

    mutating func removeAll() {
        guard !keys.isEmpty else { return }
        keys.removeAll(keepingCapacity: true)
        count = 0
        var slots = slots.mutableSpan
        for slot in slots.indices { slots[slot] = 0 }
        lastIndex = -1
    }

    /// The slot that holds `key`, or the free one where it belongs. At most half of the slots are taken.
    ///
    /// Through spans, for the reason that ``StringTable`` gives.
    private func slot(of key: UInt64) -> Int {
        let slots = slots.span
        let keys = keys.span
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 32) & mask
        while slots[slot] != 0, keys[Int(slots[slot]) - 1] != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: 2 * slots.count)
        for (index, key) in keys.enumerated() { slots[slot(of: key)] = UInt32(index + 1) }
    }
}
