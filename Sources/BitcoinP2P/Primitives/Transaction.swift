internal import ByteCodec

/// The outline of a serialized transaction (BIP144): what is where, and how much of it, without its scripts.
public struct Transaction: Sendable, Hashable {
    /// The version.
    public let version: Int32
    /// Coins spent.
    public let inputCount: Int
    /// Coins created.
    public let outputCount: Int
    /// What the outputs hold together, in satoshi; as claimed, without any check.
    public let outputValue: Int64
    /// The lock time: a height or Unix time before which the transaction is not valid.
    public let lockTime: UInt32
    /// Whether witnesses are there.
    public let hasWitness: Bool
    /// Bytes with witness.
    public let size: Int
    /// Bytes without witness.
    public let strippedSize: Int
    /// Whether this is a block's first transaction, which spends nothing.
    public let isCoinbase: Bool
    /// Bytes of marker and flag, which the txid does not cover.
    private let markerBytes: Int
    /// Bytes from the start to the end of the last output.
    private let bodyEnd: Int

    /// Weight units (BIP141).
    public var weight: Int { 3 * strippedSize + size }
    /// Virtual bytes: a quarter of the weight, rounded up.
    public var virtualSize: Int { (weight + 3) / 4 }

    /// The id that does not cover the witness. `bytes` are the bytes this outline was made of.
    public func txid(of bytes: RawSpan) -> Hash256 {
        guard hasWitness else { return wtxid(of: bytes) }
        var hash = SHA256d()
        hash.update(bytes.extracting(0..<4))
        hash.update(bytes.extracting(4 + markerBytes..<bodyEnd))
        hash.update(bytes.extracting(size - 4..<size))
        return hash.finalize()
    }

    /// The id that covers the witness (BIP141). `bytes` are the bytes this outline was made of.
    public func wtxid(of bytes: RawSpan) -> Hash256 {
        SHA256d.hash(bytes.extracting(first: size))
    }

    /// The transaction at the front of `reader` (Bitcoin Core's `UnserializeTransaction`).
    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader) throws(ByteCodecError) {
        let start = reader.offset
        version = try reader.i32()
        var inputs = Int(try reader.minimalCompactSize(limit: maximumLength))
        var outputs = 0
        var flags: UInt8 = 0
        if inputs == 0 {
            flags = try reader.u8()
            if flags != 0 { inputs = Int(try reader.minimalCompactSize(limit: maximumLength)) }
        }
        markerBytes = flags == 0 ? 0 : 2
        var value: Int64 = 0
        var spendsNothing = false
        // No inputs and no flags: the byte read as flags was the count of no outputs.
        if inputs > 0 || flags != 0 {
            for index in 0..<inputs {
                let outpoint = try Outpoint(reading: &reader)
                spendsNothing = index == 0 && outpoint.isNull
                try Self.skipScript(&reader)
                try reader.skip(4)
            }
            outputs = Int(try reader.minimalCompactSize(limit: maximumLength))
            for _ in 0..<outputs {
                value &+= try reader.i64()
                try Self.skipScript(&reader)
            }
        }
        bodyEnd = reader.offset - start
        if flags & 1 != 0 {
            var items = 0
            for _ in 0..<inputs { items += try Self.skipWitness(&reader) }
            // A flag without any witness is malformed for Bitcoin Core.
            guard items > 0 else { throw .notMinimal(offset: start + 4) }
        }
        guard flags <= 1 else { throw .limitExceeded(offset: start + 5, value: UInt64(flags), limit: 1) }
        lockTime = try reader.u32()
        size = reader.offset - start
        strippedSize = bodyEnd - markerBytes + 4
        inputCount = inputs
        outputCount = outputs
        outputValue = value
        hasWitness = flags != 0
        isCoinbase = inputs == 1 && spendsNothing
    }

    @_lifetime(reader: copy reader)
    private static func skipScript(_ reader: inout ByteReader) throws(ByteCodecError) {
        let count = try reader.minimalCompactSize(limit: maximumLength)
        try reader.skip(Int(count))
    }

    /// Steps over one input's witness and tells how many items it has.
    @_lifetime(reader: copy reader)
    private static func skipWitness(_ reader: inout ByteReader) throws(ByteCodecError) -> Int {
        let items = Int(try reader.minimalCompactSize(limit: maximumLength))
        for _ in 0..<items { try skipScript(&reader) }
        return items
    }
}

/// Which coin an input spends.
struct Outpoint {
    let txid: Hash256
    let index: UInt32

    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader) throws(ByteCodecError) {
        txid = try Hash256(reading: &reader)
        index = try reader.u32()
    }

    /// Whether it is none, as in a coinbase.
    var isNull: Bool { index == .max && txid == .zero }
}
