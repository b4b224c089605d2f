import BitcoinP2P
import ByteCodec

/// What the decoder of every type promises, whatever the bytes are. Shared by the tests and the fuzzer.
enum Promises {
    /// The promise that is broken for `payload`, taken as a whole message, as the captured front of one that is
    /// `missing` bytes longer, and, where it is well-formed, cut short; nil if all are kept.
    static func broken(_ type: MessageType, _ payload: RawSpan, missing: Int) -> String? {
        let size = payload.byteCount
        let whole = MessageFields(type, payload, size: size, withLine: false)
        guard whole.status == type.status(of: payload, size: size) else {
            return "one status, however it is asked for"
        }
        guard whole.status != .unknown, whole.status != .truncated else {
            return "a whole message is not cut"
        }
        if whole.status == .malformed {
            guard whole.list.bytes.isEmpty else { return "a malformed message has no fields" }
        } else {
            guard (whole.list.bytes.count == size) == (whole.status == .ok) else {
                return "every byte of a message is in a field, or trailing"
            }
            guard begins(payload, with: whole.list.bytes, type) else {
                return "the fields make the message again"
            }
        }
        if missing > 0 {
            let cut = MessageFields(type, payload, size: size + missing, withLine: false)
            guard cut.status == .truncated || cut.status == .malformed else { return "less was captured" }
            guard begins(payload, with: cut.list.bytes, type) else {
                return "a cut message begins as the whole"
            }
        }
        if whole.status != .malformed, size > 0 {
            let length = missing % size
            let front = MessageFields(type, payload.extracting(first: length), size: size, withLine: false)
            guard front.status == .truncated else { return "the front of a well-formed message is truncated" }
            guard begins(payload, with: front.list.bytes, type) else { return "and begins as the whole" }
        }
        return brokenByAnAddress(type, payload)
    }

    /// Whether `written` is the front of `payload`, but for the last field of a `version`, a boolean that may be
    /// any byte.
    private static func begins(_ payload: RawSpan, with written: [UInt8], _ type: MessageType) -> Bool {
        guard written.count <= payload.byteCount else { return false }
        for index in written.indices where written[index] != payload.byte(at: index) {
            guard type == .version, index == written.count - 1, written[index] == 1 else { return false }
        }
        return true
    }

    /// Asks every address for everything; its text, read again, is the same address.
    private static func brokenByAnAddress(_ type: MessageType, _ payload: RawSpan) -> String? {
        var broken: String?
        func ask(_ entry: AddressEntry) {
            let address = entry.address
            _ = (address.isRoutable, address.netgroup, address.group24, address.hashValue)
            let read = PeerAddress(address.description)
            let isSame =
                switch address.network {
                case .ipv4, .onion, .i2p: read.address == address && read.port == address.port
                case .ipv6, .cjdns:
                    // fc00::/8 reads as CJDNS, and IPv4 in IPv6 as IPv4.
                    read.host == address.text && read.port == address.port && read.address != nil
                case .torv2, .internal, .unknown: true
                }
            if !isSame { broken = "the text of \(address) reads as the same address" }
        }
        let delivery: Delivery? =
            switch type {
            case .addr: Addr.forEach(payload, size: payload.byteCount, ask)
            case .addrv2: AddrV2.forEach(payload, size: payload.byteCount, ask)
            default: nil
            }
        if let delivery, delivery.status != .malformed, delivery.delivered != delivery.declared {
            return "a whole list delivers each of its entries"
        }
        return broken
    }
}
