import BitcoinP2P
import ByteCodec
import Fuzzer

/// A payload of any message type. The first byte chooses the type, the second how much of the message a snaplen cut
/// off; what follows was captured.
@main
enum P2P {
    static func main() {
        fuzz { input in
            guard input.byteCount >= 2 else { return }
            let types = MessageType.allCases
            let type = types[Int(input.byte(at: 0)) % types.count]
            let payload = input.extracting(droppingFirst: 2)
            check(type, payload, missing: Int(input.byte(at: 1)))
        }
    }

    /// What the decoder of every type promises, whatever the bytes are.
    private static func check(_ type: MessageType, _ payload: RawSpan, missing: Int) {
        let whole = decode(type, payload, size: payload.byteCount)
        precondition(whole.status != .unknown && whole.status != .truncated, "a whole message is not cut")
        let written = whole.list.bytes
        switch whole.status {
        case .malformed:
            precondition(written.isEmpty, "a malformed message has no fields")
        default:
            // What was decoded makes the message again, but for a boolean written as 2 or more.
            let isExact = written.count == payload.byteCount
            precondition(isExact == (whole.status == .ok), "all bytes are fields, or some are trailing")
            precondition(agrees(written, payload, type), "the fields make the message again")
        }
        // The same bytes, as the captured front of a longer message.
        if missing > 0 {
            let cut = decode(type, payload, size: payload.byteCount + missing)
            precondition(cut.status == .truncated || cut.status == .malformed, "less was captured")
            precondition(cut.list.bytes.count <= payload.byteCount, "no more than was captured")
            precondition(agrees(cut.list.bytes, payload, type), "a cut message begins as the whole one")
        }
        // A part of a well-formed message, as its captured front.
        if whole.status != .malformed, payload.byteCount > 0 {
            let length = missing * payload.byteCount / 256
            let front = decode(type, payload.extracting(first: length), size: payload.byteCount)
            precondition(front.status == .truncated, "a cut of a well-formed message is no error")
        }
        addresses(type, payload)
    }

    private static func decode(_ type: MessageType, _ payload: RawSpan, size: Int) -> MessageFields {
        let fields = MessageFields(type, payload, size: size, withLine: false)
        precondition(
            fields.status == type.status(of: payload, size: size), "one status, however it is asked for")
        return fields
    }

    /// Whether `written` is the front of `payload`, but for the last field of a `version`, a boolean.
    private static func agrees(_ written: [UInt8], _ payload: RawSpan, _ type: MessageType) -> Bool {
        for index in written.indices where written[index] != payload.byte(at: index) {
            guard type == .version, index == written.count - 1, written[index] == 1 else { return false }
        }
        return true
    }

    /// Everything that an address can be asked for; its text, read again, is the same address.
    private static func addresses(_ type: MessageType, _ payload: RawSpan) {
        func touch(_ entry: AddressEntry) {
            let address = entry.address
            _ = (address.isRoutable, address.netgroup, address.group24, address.hashValue)
            let read = PeerAddress(address.description)
            switch address.network {
            case .ipv4, .onion, .i2p:
                precondition(read.address == address && read.port == address.port)
            case .ipv6, .cjdns:
                precondition(read.host == address.text && read.port == address.port && read.address != nil)
            case .torv2, .internal, .unknown:
                break
            }
        }
        switch type {
        case .addr: _ = Addr.forEach(payload, size: payload.byteCount, touch)
        case .addrv2: _ = AddrV2.forEach(payload, size: payload.byteCount, touch)
        default: break
        }
    }
}
