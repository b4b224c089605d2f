internal import ByteCodec

/// `version`: the first message of a connection (Bitcoin Core's net_processing.cpp).
///
/// Everything behind ``receiver`` may be missing, and is nil then or where the capture is cut.
public struct Version: Sendable, Hashable {
    /// Most bytes of a user agent (`MAX_SUBVERSION_LENGTH` in Bitcoin Core's net.h).
    public static let maximumUserAgent = 256

    /// The protocol version the sender speaks.
    public let protocolVersion: Int32
    /// The service bits the sender offers.
    public let services: UInt64
    /// The sender's clock in Unix seconds.
    public let timestamp: Int64
    /// The service bits the sender thinks the receiver has.
    public let receiverServices: UInt64
    /// The receiver's address as the sender sees it.
    public let receiver: NetworkAddress
    /// The service bits in the sender's own address; unused.
    public private(set) var senderServices: UInt64?
    /// The sender's own address; Bitcoin Core sends zeros.
    public private(set) var sender: NetworkAddress?
    /// A random number by which a node detects a connection to itself.
    public private(set) var nonce: UInt64?
    /// The software's name (BIP14) as it came; not necessarily text.
    public private(set) var userAgent: [UInt8]?
    /// Blocks in the sender's chain.
    public private(set) var startHeight: Int32?
    /// Whether the sender wants transactions announced (BIP37). True by default.
    public private(set) var relay: Bool?

    /// Decodes the captured part of a `version` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Version> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var version: Version?
        do {
            var fields = try Version(readingRequired: &reader)
            version = fields
            // Bitcoin Core looks for each further group only if the message has bytes left.
            if reader.offset < extent.size {
                let services = try reader.u64()
                let address = try NetworkAddress(readingLegacy: &reader)
                fields.nonce = try reader.u64()
                (fields.senderServices, fields.sender) = (services, address)
                version = fields
            }
            if reader.offset < extent.size {
                let count = try reader.minimalCompactSize(limit: UInt64(maximumUserAgent))
                fields.userAgent = try reader.array(Int(count))
                version = fields
            }
            if reader.offset < extent.size {
                fields.startHeight = try reader.i32()
                version = fields
            }
            if reader.offset < extent.size {
                fields.relay = try reader.u8() != 0
                version = fields
            }
            return Decoded(version, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(version, extent.status(after: error))
        }
    }

    @_lifetime(reader: copy reader)
    private init(readingRequired reader: inout ByteReader) throws(ByteCodecError) {
        protocolVersion = try reader.i32()
        services = try reader.u64()
        timestamp = try reader.i64()
        receiverServices = try reader.u64()
        receiver = try NetworkAddress(readingLegacy: &reader)
    }
}
