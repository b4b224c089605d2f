internal import ByteCodec

/// `filterload`: announce only what this bloom filter matches (BIP37).
public struct FilterLoad: Sendable, Hashable {
    /// Most bytes of a filter (`MAX_BLOOM_FILTER_SIZE` in Bitcoin Core's common/bloom.h).
    public static let maximumBytes = 36_000
    /// Most hash functions (`MAX_HASH_FUNCS` there).
    public static let maximumFunctions: UInt32 = 50

    /// The filter's bits.
    public let filter: [UInt8]
    /// Hash functions in use.
    public let functions: UInt32
    /// Seed of the hash functions.
    public let tweak: UInt32
    /// How matches change the filter.
    public let flags: UInt8

    /// Decodes the captured part of a `filterload` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<FilterLoad> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let count = Int(try reader.minimalCompactSize(limit: UInt64(maximumBytes)))
            let filter = try reader.array(count)
            let functions = try reader.u32()
            guard functions <= maximumFunctions else { return Decoded(nil, .malformed) }
            let tweak = try reader.u32()
            let flags = try reader.u8()
            return Decoded(
                FilterLoad(filter: filter, functions: functions, tweak: tweak, flags: flags),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}

/// `filteradd`: adds one element to the bloom filter (BIP37).
public struct FilterAdd: Sendable, Hashable {
    /// Most bytes of an element (`MAX_SCRIPT_ELEMENT_SIZE` in Bitcoin Core's script/script.h).
    public static let maximumBytes = 520

    /// The element.
    public let element: [UInt8]

    /// Decodes the captured part of a `filteradd` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<FilterAdd> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let count = Int(try reader.minimalCompactSize(limit: UInt64(maximumBytes)))
            let element = try reader.array(count)
            return Decoded(FilterAdd(element: element), extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
