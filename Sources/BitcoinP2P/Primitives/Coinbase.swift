internal import ByteCodec

/// What a block's first transaction says about the block.
public struct Coinbase: Sendable, Hashable {
    /// The script of its input: height, extra nonce, and often the name of the mining pool.
    public let scriptSig: [UInt8]

    /// The number that the script pushes first, which since BIP34 is the block's height. A block of version
    /// 1 may push anything.
    public var pushedHeight: Int? {
        guard let first = scriptSig.first else { return nil }
        switch first {
        case 0x00: return 0
        case 0x51...0x60: return Int(first) - 0x50  // OP_1 to OP_16
        case 1...5:
            let count = Int(first)
            guard scriptSig.count > count, scriptSig[count] & 0x80 == 0 else { return nil }
            return scriptSig[1...count].reversed().reduce(0) { $0 << 8 | Int($1) }
        default: return nil
        }
    }

    /// The height, if blocks of `version` must carry it (BIP34).
    func height(version: Int32) -> Int? {
        version >= 2 ? pushedHeight : nil
    }

    /// The coinbase in the transaction at the front of `reader`, of which the end need not be there; nil if
    /// it is another transaction, or cut before the script's end.
    init?(peeking reader: ByteReader) {
        var reader = reader
        guard let script = try? Self.script(&reader) else { return nil }
        scriptSig = script
    }

    @_lifetime(reader: copy reader)
    private static func script(_ reader: inout ByteReader) throws(ByteCodecError) -> [UInt8]? {
        try reader.skip(4)
        var inputs = try reader.minimalCompactSize()
        if inputs == 0, try reader.u8() != 0 { inputs = try reader.minimalCompactSize() }
        guard inputs == 1, try Outpoint(reading: &reader).isNull else { return nil }
        let count = try reader.minimalCompactSize(limit: maximumLength)
        return try reader.array(Int(count))
    }
}
