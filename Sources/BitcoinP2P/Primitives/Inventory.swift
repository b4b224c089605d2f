internal import ByteCodec

/// `inv`, `getdata` and `notfound`, which share one format (Bitcoin Core's protocol.h, `CInv`).
public enum Inventory {
    /// Most entries in one message (`MAX_INV_SZ` in Bitcoin Core's net_processing.cpp).
    public static let maximumEntries = 50_000
    /// Bytes of an entry.
    static let entryBytes = 36

    /// Hands each entry of a message of `size` bytes to `body`, in order.
    public static func forEach(
        _ payload: RawSpan, size: Int, _ body: (InventoryEntry) -> Void
    ) -> Delivery {
        let list = FixedList(payload, size: size, limit: maximumEntries, entryBytes: entryBytes)
        var reader = list.reader
        for _ in 0..<list.complete {
            guard let kind = try? reader.u32(), let hash = try? Hash256(reading: &reader) else { break }
            body(InventoryEntry(kind: .init(rawValue: kind), hash: hash))
        }
        return list.delivery
    }
}

/// One of the three messages in the format of ``Inventory``.
public protocol InventoryMessage {}

extension InventoryMessage {
    /// Hands each entry of a message of `size` bytes to `body`, in order.
    public static func forEach(
        _ payload: RawSpan, size: Int, _ body: (InventoryEntry) -> Void
    ) -> Delivery {
        Inventory.forEach(payload, size: size, body)
    }
}
