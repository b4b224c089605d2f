internal import ByteCodec

/// An input of a transaction: which coin it spends, and by what right. Its script is borrowed from the message.
public struct TransactionInput: ~Escapable {
    /// The coin.
    public let outpoint: Outpoint
    /// The script that unlocks the coin; empty where the witness does.
    public let scriptSig: RawSpan
    /// Under BIP125 and BIP68: replaceable, and not before some time.
    public let sequence: UInt32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader) throws(ByteCodecError) {
        outpoint = try Outpoint(reading: &reader)
        scriptSig = try run(&reader)
        sequence = try reader.u32()
    }
}

/// An output of a transaction: a coin, and who may spend it. Its script is borrowed from the message.
public struct TransactionOutput: ~Escapable {
    /// Satoshi; as claimed, without any check.
    public let value: Int64
    /// The script that a spender has to satisfy.
    public let scriptPubKey: RawSpan

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader) throws(ByteCodecError) {
        value = try reader.i64()
        scriptPubKey = try run(&reader)
    }
}

/// What one input shows beside its script (BIP141). Its items are borrowed from the message.
public struct Witness: ~Escapable {
    /// Items on the stack.
    public let itemCount: Int
    /// Stands before the first item.
    private let items: ByteReader

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader) throws(ByteCodecError) {
        itemCount = Int(try reader.minimalCompactSize(limit: maximumLength))
        items = reader
        for _ in 0..<itemCount { _ = try run(&reader) }
    }

    /// Hands each item to `body`, bottom of the stack first.
    public func forEachItem(_ body: (RawSpan) -> Void) {
        var reader = items
        for _ in 0..<itemCount {
            guard let item = try? run(&reader) else { return }
            body(item)
        }
    }
}

/// The bytes at the front of `reader` that have their number before them.
@_lifetime(copy reader)
@_lifetime(reader: copy reader)
private func run(_ reader: inout ByteReader) throws(ByteCodecError) -> RawSpan {
    let count = try reader.minimalCompactSize(limit: maximumLength)
    return try reader.bytes(Int(count))
}
