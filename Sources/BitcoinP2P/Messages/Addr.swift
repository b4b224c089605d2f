internal import ByteCodec

/// `addr`: addresses of nodes in the format before BIP155, IPv6-sized (Bitcoin Core's protocol.h,
/// `CAddress` under `V1_NETWORK`).
public enum Addr {
    /// Most entries in one message (`MAX_ADDR_TO_SEND` in Bitcoin Core's net_processing.cpp).
    public static let maximumEntries = 1000
    /// Bytes of an entry: time, services, address, port.
    static let entryBytes = 30

    /// Hands each entry of a message of `size` bytes to `body`, in order.
    public static func forEach(
        _ payload: RawSpan, size: Int, _ body: (AddressEntry) -> Void
    ) -> Delivery {
        let list = FixedList(payload, size: size, limit: maximumEntries, entryBytes: entryBytes)
        var reader = list.reader
        for _ in 0..<list.complete {
            guard let entry = try? AddressEntry(readingLegacy: &reader) else { break }
            body(entry)
        }
        return list.delivery
    }
}

extension AddressEntry {
    @_lifetime(reader: copy reader)
    fileprivate init(readingLegacy reader: inout ByteReader) throws(ByteCodecError) {
        announcedAt = try reader.u32()
        services = try reader.u64()
        address = try NetworkAddress(readingLegacy: &reader)
    }
}
