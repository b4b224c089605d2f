public import ByteCodec

/// A message that says everything with its name. Bitcoin Core ignores bytes that it carries.
public protocol EmptyMessage: ShortMessage {
    /// The message.
    init()
}

extension EmptyMessage {
    /// The message, for which nothing is read.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) { self.init() }
}
