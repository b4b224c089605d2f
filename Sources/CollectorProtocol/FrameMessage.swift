public import ByteCodec

/// A message that is the body of one frame.
public protocol FrameMessage: Sendable, Equatable {
    /// The type of its frame.
    static var type: FrameType { get }
    /// Reads the body; what remains unread is an error of the frame.
    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError)
    /// Appends the body.
    func encodeBody(into writer: inout ByteWriter)
}

extension FrameMessage {
    /// Decodes the body of a frame, which must hold this message and nothing else.
    public init(body: RawSpan) throws(ProtocolError) {
        var reader = ByteReader(body)
        do { try self.init(&reader) } catch {
            throw ProtocolError(
                "\(Self.type): expected a whole message, found \(body.byteCount) bytes (\(error))")
        }
        guard reader.isAtEnd else {
            throw ProtocolError(
                "\(Self.type): expected nothing behind the message, found \(reader.remaining) bytes")
        }
    }

    /// Appends the whole frame.
    public func encode(into writer: inout ByteWriter) {
        let start = writer.count
        writer.beginFrame(Self.type, bodyByteCount: 0)
        encodeBody(into: &writer)
        writer.overwrite(u32: UInt32(writer.count - start - 4).byteSwapped, at: start)
    }

    /// The whole frame.
    public var frame: [UInt8] {
        var writer = ByteWriter(capacity: 64)
        encode(into: &writer)
        return writer.bytes
    }
}

extension ByteWriter {
    /// Appends a frame's six bytes of header; the body of `bodyByteCount` bytes is the caller's to append.
    ///
    /// For BATCH, whose body is already there in the spool.
    public mutating func beginFrame(_ type: FrameType, bodyByteCount: Int) {
        u32BigEndian(UInt32(bodyByteCount + 2))
        u8(type.rawValue)
        u8(0)
    }

    /// A `u16` length and the UTF-8 of `text`, cut at 65535 bytes.
    mutating func text16(_ text: String) {
        let count = min(text.utf8.count, Int(UInt16.max))
        u16(UInt16(count))
        append(text.utf8.span.raw.extracting(0..<count))
    }

    /// A `u16` count and that many entries; the count must fit.
    mutating func list16<Entry>(_ entries: [Entry], _ body: (inout ByteWriter, Entry) -> Void) {
        precondition(entries.count <= Int(UInt16.max), "a list in a message has at most 65535 entries")
        u16(UInt16(entries.count))
        for entry in entries { body(&self, entry) }
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func text16() throws(ByteCodecError) -> String {
        try bytes(Int(try u16())).text()
    }
}
