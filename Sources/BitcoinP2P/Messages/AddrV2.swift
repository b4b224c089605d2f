internal import ByteCodec

/// `addrv2`: addresses of nodes of any network (BIP155).
public enum AddrV2 {
    /// Most entries in one message.
    public static let maximumEntries = 1000
    /// Most bytes of one address (`MAX_ADDRV2_SIZE` in Bitcoin Core's netaddress.h).
    public static let maximumAddressBytes = 512

    /// Hands each entry of a message of `size` bytes to `body`, in order.
    ///
    /// An assigned network with an address of the wrong length makes the message malformed; unassigned
    /// networks and Tor v2 are delivered raw, where Bitcoin Core skips them.
    public static func forEach(
        _ payload: RawSpan, size: Int, _ body: (AddressEntry) -> Void
    ) -> Delivery {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        let declared: Int
        do {
            declared = Int(try reader.minimalCompactSize(limit: UInt64(maximumEntries)))
        } catch {
            return Delivery(
                declared: error.claimedCount ?? 0, delivered: 0, status: extent.status(after: error))
        }

        // Once over all entries first, so that a malformed message delivers none.
        var check = reader
        var complete = 0
        var status: DecodeStatus?
        do {
            while complete < declared {
                guard try Fields(reading: &check).isValid else {
                    status = .malformed
                    break
                }
                complete += 1
            }
        } catch {
            status = extent.status(after: error)
        }
        let outcome = status ?? extent.status(remaining: check.remaining)
        guard outcome != .malformed else {
            return Delivery(declared: declared, delivered: 0, status: .malformed)
        }
        for _ in 0..<complete {
            guard let fields = try? Fields(reading: &reader) else { break }
            body(fields.entry)
        }
        return Delivery(declared: declared, delivered: complete, status: outcome)
    }

    /// An entry as it lies in the message.
    private struct Fields: ~Escapable {
        let time: UInt32
        let services: UInt64
        let network: Network
        let address: RawSpan
        let port: UInt16

        @_lifetime(copy reader)
        @_lifetime(reader: copy reader)
        init(reading reader: inout ByteReader) throws(ByteCodecError) {
            time = try reader.u32()
            services = try reader.minimalCompactSize()
            network = Network(bip155: try reader.u8())
            let count = try reader.minimalCompactSize(limit: UInt64(maximumAddressBytes))
            address = try reader.bytes(Int(count))
            port = try reader.u16BigEndian()
        }

        /// Whether the address has the length of its network, as Bitcoin Core asks of those it knows.
        var isValid: Bool {
            guard let length = network.addressBytes, network != .torv2 else { return true }
            return address.byteCount == length
        }

        var entry: AddressEntry {
            AddressEntry(
                announcedAt: time, services: services,
                address: NetworkAddress(network: network, bytes: address, port: port))
        }
    }
}
