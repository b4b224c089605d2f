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
    /// Bytes from the start to the number of outputs.
    private let outputsStart: Int
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

    /// Hands each input to `body`, in order. `bytes` are the bytes this outline was made of.
    public func forEachInput(of bytes: RawSpan, _ body: (borrowing TransactionInput) -> Void) {
        var reader = reader(of: bytes, from: 4 + markerBytes)
        guard (try? reader.minimalCompactSize()) != nil else { return }
        for _ in 0..<inputCount {
            guard let input = try? TransactionInput(reading: &reader) else { return }
            body(input)
        }
    }

    /// Hands each output to `body`, in order. `bytes` are the bytes this outline was made of.
    public func forEachOutput(of bytes: RawSpan, _ body: (borrowing TransactionOutput) -> Void) {
        var reader = reader(of: bytes, from: outputsStart)
        guard (try? reader.minimalCompactSize()) != nil else { return }
        for _ in 0..<outputCount {
            guard let output = try? TransactionOutput(reading: &reader) else { return }
            body(output)
        }
    }

    /// Hands the witness of each input to `body`, in order, if there are witnesses. `bytes` are the bytes this
    /// outline was made of.
    public func forEachWitness(of bytes: RawSpan, _ body: (borrowing Witness) -> Void) {
        guard hasWitness else { return }
        var reader = reader(of: bytes, from: bodyEnd)
        for _ in 0..<inputCount {
            guard let witness = try? Witness(reading: &reader) else { return }
            body(witness)
        }
    }

    @_lifetime(copy bytes)
    private func reader(of bytes: RawSpan, from offset: Int) -> ByteReader {
        ByteReader(bytes.extracting(offset..<size))
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
            // A flag that nobody knows is malformed for Bitcoin Core, whatever follows.
            guard flags <= 1 else {
                throw .limitExceeded(offset: start + 5, value: UInt64(flags), limit: 1)
            }
            if flags != 0 { inputs = Int(try reader.minimalCompactSize(limit: maximumLength)) }
        }
        markerBytes = flags == 0 ? 0 : 2
        var value: Int64 = 0
        var spendsNothing = false
        // No inputs and no flags: the byte read as flags was the count of no outputs.
        if inputs > 0 || flags != 0 {
            for index in 0..<inputs {
                let input = try TransactionInput(reading: &reader)
                spendsNothing = index == 0 && input.outpoint.isNull
            }
            outputsStart = reader.offset - start
            outputs = Int(try reader.minimalCompactSize(limit: maximumLength))
            for _ in 0..<outputs { value &+= try TransactionOutput(reading: &reader).value }
        } else {
            outputsStart = reader.offset - start - 1
        }
        bodyEnd = reader.offset - start
        if flags != 0 {
            var items = 0
            for _ in 0..<inputs { items += try Witness(reading: &reader).itemCount }
            // A flag without any witness is malformed for Bitcoin Core.
            guard items > 0 else { throw .notMinimal(offset: start + 4) }
        }
        lockTime = try reader.u32()
        size = reader.offset - start
        strippedSize = bodyEnd - markerBytes + 4
        inputCount = inputs
        outputCount = outputs
        outputValue = value
        hasWitness = flags != 0
        isCoinbase = inputs == 1 && spendsNothing
    }
}
