internal import ByteCodec

/// The 80 bytes that a block's hash covers (Bitcoin Core's primitives/block.h).
public struct BlockHeader: Sendable, Hashable {
    /// Bytes of a serialized header.
    public static let byteCount = 80

    /// SHA-256d of the 80 bytes.
    public let hash: Hash256
    /// Version and, under BIP9, version bits.
    public let version: Int32
    /// Hash of the block before this one.
    public let previous: Hash256
    /// Root of the merkle tree of transaction ids.
    public let merkleRoot: Hash256
    /// The miner's time in Unix seconds.
    public let time: UInt32
    /// The proof-of-work target in compact form.
    public let bits: UInt32
    /// What the miner varied last.
    public let nonce: UInt32

    /// The header at the front of `reader`.
    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader) throws(ByteCodecError) {
        let bytes = try reader.bytes(Self.byteCount)
        var fields = ByteReader(bytes)
        version = try fields.i32()
        previous = try Hash256(reading: &fields)
        merkleRoot = try Hash256(reading: &fields)
        time = try fields.u32()
        bits = try fields.u32()
        nonce = try fields.u32()
        hash = SHA256d.hash(bytes)
    }
}
