internal import ByteCodec

/// `getblocks` and `getheaders`: what follows the last block that both have (Bitcoin Core's
/// primitives/block.h, `CBlockLocator`).
public struct BlockLocator: Sendable, Hashable {
    /// Most hashes in a locator (`MAX_LOCATOR_SZ` in Bitcoin Core's net_processing.cpp).
    public static let maximumHashes = 101

    /// A protocol version, without meaning.
    public let version: Int32
    /// Hashes of the sender's chain, newest first, ever farther apart.
    public let hashes: [Hash256]
    /// Where the answer is to stop; zero for nowhere.
    public let stop: Hash256

    /// Decodes the captured part of a `getblocks` or `getheaders` of `size` bytes; a cut one has no value.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<BlockLocator> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let version = try reader.i32()
            let count = Int(try reader.minimalCompactSize(limit: UInt64(maximumHashes)))
            var hashes: [Hash256] = []
            hashes.reserveCapacity(count)
            for _ in 0..<count { hashes.append(try Hash256(reading: &reader)) }
            let stop = try Hash256(reading: &reader)
            return Decoded(
                BlockLocator(version: version, hashes: hashes, stop: stop),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
