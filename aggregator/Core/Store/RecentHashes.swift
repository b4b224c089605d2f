internal import BitcoinP2P

/// Hashes seen lately on a day, so that the many copies of an announcement cost one look-up each and only the first
/// goes to the database, which has the last word.
///
/// Two generations: when the younger is full it becomes the older, which is forgotten.
struct RecentHashes {
    private var day: UTCDay?
    private var younger: Set<Hash256> = []
    private var older: Set<Hash256> = []
    private static let generation = 32_768

    /// Whether `hash` was not seen lately on `day`. A day other than the last one begins anew.
    mutating func insert(_ hash: Hash256, on day: UTCDay) -> Bool {
        if self.day != day {
            self.day = day
            younger.removeAll(keepingCapacity: true)
            older.removeAll(keepingCapacity: true)
        }
        guard !older.contains(hash), younger.insert(hash).inserted else { return false }
        if younger.count >= Self.generation {
            swap(&younger, &older)
            younger.removeAll(keepingCapacity: true)
        }
        return true
    }
}
