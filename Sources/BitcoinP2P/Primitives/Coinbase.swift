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

    /// Most characters of a ``tag``.
    public static let maximumTag = 64
    /// Fewest printable characters in a row that are taken for text rather than for chance.
    static let minimumTag = 4

    /// What the miner wrote into the script for people to read, mostly the name of the pool: the longest run
    /// of printable ASCII behind the height, cut to ``maximumTag`` characters; nil if none has four.
    ///
    /// The script is free-form, so this is a guess: an extra nonce next to the name can look like text too.
    public var tag: String? {
        var longest = 0..<0
        var start = heightBytes
        var index = start
        while index < scriptSig.count {
            if isMergedMining(at: index) {
                index += Self.mergedMiningBytes
                start = index
                continue
            }
            index += 1
            if !(0x20...0x7e).contains(scriptSig[index - 1]) { start = index }
            if index - start > longest.count { longest = start..<index }
        }
        guard longest.count >= Self.minimumTag else { return nil }
        return String(decoding: scriptSig[longest].prefix(Self.maximumTag), as: UTF8.self)
    }

    /// Bytes of the script's first push, which is the height.
    private var heightBytes: Int {
        guard let first = scriptSig.first, pushedHeight != nil else { return 0 }
        return first <= 5 ? 1 + Int(first) : 1
    }

    /// Magic, hash, and two numbers of a merged-mining commitment; the hash may read like text.
    private static let mergedMiningBytes = 4 + 32 + 4 + 4

    /// Whether a commitment to blocks of other chains begins at `index`.
    private func isMergedMining(at index: Int) -> Bool {
        scriptSig[index] == 0xfa && scriptSig[index...].starts(with: [0xfa, 0xbe, 0x6d, 0x6d])
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
