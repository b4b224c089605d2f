internal import BitcoinP2P
internal import ByteCodec
internal import CollectorProtocol

extension ByteReader {
    /// The next varint as a place in the batch's string table; the cursor has checked that it is one.
    @_lifetime(self: copy self)
    mutating func index() throws(ByteCodecError) -> Int { Int(clamping: try varint()) }
}

extension RawSpan {
    /// Whether these bytes are `text`.
    func isText(_ text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        for index in 0..<byteCount {
            // Proof: the index is below both lengths.
            guard unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) == text.utf8Start[index] else {
                return false
            }
        }
        return true
    }
}

/// Microseconds since 1970 of a time that came as seconds; what no timestamp can hold becomes the largest.
func microseconds(ofSeconds seconds: UInt64) -> Int64 {
    Int64(clamping: min(seconds, UInt64(Int64.max / 1_000_000)) * 1_000_000)
}

/// The arguments of `net:inbound_message` and `net:outbound_message`, borrowed from a batch.
struct Message: ~Escapable {
    /// The peer, unique inside one run.
    let peer: Int64
    /// Whether the node received it.
    let inbound: Bool
    /// Places of the three strings in the batch's table.
    let addrIndex, connectionTypeIndex, typeIndex: Int
    /// The peer's address as Core prints it.
    let addr: RawSpan
    /// The connection type as Core prints it.
    let connectionType: RawSpan
    /// The message type.
    let type: RawSpan
    /// Bytes the payload had.
    let size: Int
    /// Bytes of it that were captured.
    let payload: RawSpan

    @_lifetime(copy batch, copy body)
    @_lifetime(body: copy body)
    init(inbound: Bool, _ batch: borrowing BatchReader, _ body: inout ByteReader) throws(ByteCodecError) {
        self.inbound = inbound
        peer = try body.zigzag()
        addrIndex = try body.index()
        connectionTypeIndex = try body.index()
        typeIndex = try body.index()
        size = Int(clamping: try body.varint())
        let captured = Int(clamping: try body.varint())
        payload = try body.bytes(captured)
        addr = batch.string(addrIndex)
        connectionType = batch.string(connectionTypeIndex)
        type = batch.string(typeIndex)
    }
}
