import BitcoinP2P
import ByteCodec

/// The fields of one message in the order of the wire. Each adds its text to a line, which another decoder can
/// be compared by, and its bytes to a message, which has to be the one that was decoded.
struct FieldList {
    /// `name=value` for each field, with a space before it.
    private(set) var line = ""
    private let withLine: Bool
    private var writer = ByteWriter()

    /// No field yet. Without `withLine` no text is made, which is most of the work.
    init(withLine: Bool = true) { self.withLine = withLine }

    /// No field yet, and a line if this list has one.
    var empty: FieldList { FieldList(withLine: withLine) }

    /// The message that the fields make.
    var bytes: [UInt8] { writer.bytes }

    /// A field that the message does not carry but that follows from it.
    mutating func derived(_ name: String, _ value: @autoclosure () -> some CustomStringConvertible) {
        guard withLine else { return }
        line += " "
        line += name
        line += "="
        line += value().description
    }

    mutating func u8(_ name: String, _ value: UInt8) {
        derived(name, value)
        writer.u8(value)
    }
    mutating func flag(_ name: String, _ value: Bool) { u8(name, value ? 1 : 0) }
    mutating func u32(_ name: String, _ value: UInt32) {
        derived(name, value)
        writer.u32(value)
    }
    mutating func i32(_ name: String, _ value: Int32) {
        derived(name, value)
        writer.i32(value)
    }
    mutating func u64(_ name: String, _ value: UInt64) {
        derived(name, value)
        writer.u64(value)
    }
    mutating func i64(_ name: String, _ value: Int64) {
        derived(name, value)
        writer.i64(value)
    }
    mutating func hash(_ name: String, _ value: Hash256) {
        derived(name, value.wireHex)
        writer.append(value.bytes)
    }

    /// A number in the variable length of Bitcoin's protocol.
    mutating func count(_ name: String, _ value: some BinaryInteger) {
        derived(name, UInt64(value))
        write(compactSize: UInt64(value))
    }

    /// A transaction's index, which the message gives as its distance from the index before.
    mutating func index(_ name: String, _ value: Int, following: Int) {
        derived(name, value)
        write(compactSize: UInt64(value - following))
    }

    /// The six bytes of a short transaction id.
    mutating func shortID(_ name: String, _ value: UInt64) {
        derived(name, value)
        writer.u32(UInt32(truncatingIfNeeded: value))
        writer.u16(UInt16(truncatingIfNeeded: value >> 32))
    }

    /// Bytes with their number before them.
    mutating func run(_ name: String, _ value: RawSpan) {
        text(name, value)
        write(compactSize: UInt64(value.byteCount))
        writer.append(value)
    }
    mutating func run(_ name: String, _ value: [UInt8]) { run(name, value.span.raw) }

    // A closure cannot hold a span, so this is not derived(_:_:).
    private mutating func text(_ name: String, _ value: RawSpan) {
        guard withLine else { return }
        line += " "
        line += name
        line += "="
        line += hexDigits(value)
    }

    /// The 16 bytes of an address in `addr` and `version`, and its port.
    mutating func legacy(_ name: String, _ value: NetworkAddress) {
        address(name, value)
        let prefix: [UInt8] =
            switch value.network {
            case .ipv4: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
            case .torv2: [0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43]
            case .internal: [0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24]
            default: []
            }
        writer.append(prefix)
        writer.append(value.bytes)
        writer.u16BigEndian(value.port)
    }

    /// Network, address and port of an entry of `addrv2`.
    mutating func bip155(_ name: String, _ value: NetworkAddress) {
        address(name, value)
        writer.u8(value.network.bip155 ?? 0)
        write(compactSize: UInt64(value.bytes.byteCount))
        writer.append(value.bytes)
        writer.u16BigEndian(value.port)
    }

    private mutating func address(_ name: String, _ value: NetworkAddress) {
        derived(name, "\(value.network.name),\(value.text),\(value.port)")
    }

    /// Marker and flag of a transaction with witness (BIP144), which is no field.
    mutating func witnessMarker() {
        writer.u8(0)
        writer.u8(1)
    }

    /// The fields of a part that was read before what stands in front of it.
    mutating func append(_ part: FieldList) {
        line += part.line
        writer.append(part.bytes)
    }

    /// A byte that is always the same.
    mutating func constant(_ value: UInt8) { writer.u8(value) }

    private mutating func write(compactSize value: UInt64) {
        switch value {
        case ..<0xfd:
            writer.u8(UInt8(value))
        case ...0xffff:
            writer.u8(0xfd)
            writer.u16(UInt16(value))
        case ...0xffff_ffff:
            writer.u8(0xfe)
            writer.u32(UInt32(value))
        default:
            writer.u8(0xff)
            writer.u64(value)
        }
    }
}

/// Lower-case hex.
func hexDigits(_ bytes: RawSpan) -> String {
    let digits: InlineArray<16, UInt8> = [
        0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
    ]
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.byteCount)
    for index in 0..<bytes.byteCount {
        let byte = bytes.byte(at: index)
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
