internal import ByteCodec

/// Which coin an input spends: an output of a transaction.
public struct Outpoint: Sendable, Hashable {
    /// The transaction that created the coin.
    public let txid: Hash256
    /// The output's place in it.
    public let index: UInt32

    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader) throws(ByteCodecError) {
        txid = try Hash256(reading: &reader)
        index = try reader.u32()
    }

    /// Whether it is none, as in a coinbase.
    public var isNull: Bool { index == .max && txid == .zero }
}
