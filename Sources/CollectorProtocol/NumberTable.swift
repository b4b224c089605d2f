/// Gives each distinct number an index in the order of first appearance; open addressing, memory kept.
struct NumberTable: Sendable {
    private(set) var keys: [UInt64] = []
    private var slots = [UInt32](repeating: 0, count: 64)
    private var last: (key: UInt64, index: Int)?

    var count: Int { keys.count }

    /// The index of `key`, which is added if it is new.
    mutating func index(of key: UInt64) -> Int {
        if let last, last.key == key { return last.index }
        if 2 * (keys.count + 1) > slots.count { grow() }
        let slot = slot(of: key)
        let index: Int
        if slots[slot] != 0 {
            index = Int(slots[slot]) - 1
        } else {
            keys.append(key)
            index = keys.count - 1
            slots[slot] = UInt32(keys.count)
        }
        last = (key, index)
        return index
    }

    mutating func removeAll() {
        guard !keys.isEmpty else { return }
        keys.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = 0 }
        last = nil
    }

    /// The slot that holds `key`, or the free one where it belongs. At most half of the slots are taken.
    private func slot(of key: UInt64) -> Int {
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
