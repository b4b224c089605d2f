public import ByteCodec

/// How the decode of one message ended; the text of the `decode_status` column.
public enum DecodeStatus: String, Sendable, Hashable, CaseIterable {
    /// Every byte was understood.
    case ok
    /// Fewer bytes were captured than the message had (snaplen). Not an error: what is complete is delivered.
    case truncated
    /// The bytes break the format or one of its limits; Bitcoin Core discards the whole message.
    case malformed
    /// Complete and well-formed, with further bytes behind it, which Bitcoin Core ignores.
    case trailing
    /// A message type that is not in ``MessageType``; its bytes are kept raw.
    case unknown
}

/// The fields of one message, and how its decode ended.
///
/// `value` is nil when the message is malformed, or cut before its first complete fields. A `truncated`
/// value carries the fields that were captured; the others are nil.
public struct Decoded<Value> {
    /// The fields, if any could be read.
    public let value: Value?
    /// How the decode ended.
    public let status: DecodeStatus

    @inlinable
    init(_ value: Value?, _ status: DecodeStatus) {
        self.value = status == .malformed ? nil : value
        self.status = status
    }
}

extension Decoded: Sendable where Value: Sendable {}

/// What came of a message that is a list.
///
/// A malformed list delivers no entry, since Bitcoin Core discards such a message whole; a truncated one
/// delivers each entry that was captured completely.
public struct Delivery: Sendable, Hashable {
    /// Entries the message says it has; 0 when not even the count could be read.
    public let declared: Int
    /// Entries handed to the body.
    public let delivered: Int
    /// How the decode ended.
    public let status: DecodeStatus

    @inlinable
    init(declared: Int, delivered: Int, status: DecodeStatus) {
        self.declared = declared
        self.delivered = delivered
        self.status = status
    }
}

/// How much of a message was captured, from which its status follows.
@usableFromInline
struct Extent {
    /// Bytes captured, never more than `size`; none of a message larger than ``maximumPayload``, so that
    /// nothing of it is read.
    @usableFromInline let captured: Int
    /// Bytes the message had.
    @usableFromInline let size: Int

    @inlinable
    init(_ payload: RawSpan, size: Int) {
        self.size = max(0, size)
        captured = size > maximumPayload ? 0 : min(payload.byteCount, self.size)
    }

    /// Whether the capture holds less than the message.
    @inlinable var isCut: Bool { captured < size }
    /// Whether the message is larger than any may be.
    @inlinable var isOversized: Bool { size > maximumPayload }

    /// The status after reading stopped with `error`.
    @inlinable
    func status(after error: ByteCodecError) -> DecodeStatus {
        if case .truncated(let offset, let needed, _) = error, isCut, !isOversized, needed <= size - offset {
            return .truncated
        }
        return .malformed
    }

    /// The status after the last field, with `remaining` captured bytes behind it.
    @inlinable
    func status(remaining: Int) -> DecodeStatus {
        isOversized ? .malformed : isCut ? .truncated : remaining == 0 ? .ok : .trailing
    }
}

extension RawSpan {
    /// A reader of what was captured of a message.
    @inlinable
    @_lifetime(copy self)
    func reader(_ extent: Extent) -> ByteReader {
        ByteReader(extracting(first: extent.captured))
    }
}

/// Largest CompactSize that Bitcoin Core accepts as a length or count (`MAX_SIZE` in serialize.h).
@usableFromInline let maximumLength: UInt64 = 0x0200_0000

/// Largest payload of a P2P message (`MAX_PROTOCOL_MESSAGE_LENGTH` in Bitcoin Core's net.h).
public let maximumPayload = 4_000_000
