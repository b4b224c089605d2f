internal import ByteCodec

/// Where two chains part, told by hashes of the sender's chain, newest first, ever farther apart (Bitcoin
/// Core's primitives/block.h, `CBlockLocator`).
public struct BlockLocator: Sendable, Hashable {
    /// Most hashes in a locator (`MAX_LOCATOR_SZ` in Bitcoin Core's net_processing.cpp).
    public static let maximumHashes = 101

    /// A protocol version, without meaning.
    public let version: Int32
    /// Hashes the locator says it has; nil where the capture is cut before the count.
    public let count: Int?
    /// The hashes that were captured.
    public let hashes: [Hash256]
}

/// `getblocks` or `getheaders`, which share one format: what follows the last block that both have?
public protocol LocatorMessage: Sendable, Hashable {
    /// Where the sender's chain is.
    var locator: BlockLocator { get }
    /// The block that is to end the answer, zero for none; nil where the capture is cut.
    var stop: Hash256? { get }
    /// The message with these fields.
    init(locator: BlockLocator, stop: Hash256?)
}

extension LocatorMessage {
    /// Decodes the captured part of a message of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Self> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        let version: Int32
        do {
            version = try reader.i32()
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
        let list = FixedList(
            reader, extent, limit: UInt64(BlockLocator.maximumHashes), entryBytes: 32, tail: 32)
        var hashes: [Hash256] = []
        hashes.reserveCapacity(list.complete)
        var tail = list.forEachHash { hashes.append($0) }
        let stop = hashes.count == list.declared ? try? Hash256(reading: &tail) : nil
        let locator = BlockLocator(version: version, count: list.declared, hashes: hashes)
        return Decoded(Self(locator: locator, stop: stop), list.status)
    }
}
