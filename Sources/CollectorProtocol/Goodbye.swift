public import ByteCodec

/// The last frame of a connection, from either side.
public struct Goodbye: FrameMessage {
    /// Its frame's type.
    public static let type = FrameType.goodbye

    /// Why.
    public var code: GoodbyeCode
    /// Why, for a person.
    public var reason: String

    /// A farewell.
    public init(code: GoodbyeCode, reason: String) {
        self.code = code
        self.reason = reason
    }

    /// Reads the body of GOODBYE.
    @_lifetime(body: copy body)
    public init(_ body: inout ByteReader) throws(ByteCodecError) {
        code = GoodbyeCode(rawValue: try body.u16())
        reason = try body.text16()
    }

    /// Appends the body of GOODBYE.
    public func encodeBody(into writer: inout ByteWriter) {
        writer.u16(code.rawValue)
        writer.text16(reason)
    }
}
