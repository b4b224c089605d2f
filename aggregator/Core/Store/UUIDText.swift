internal import ByteCodec
internal import CollectorProtocol

/// The sixteen bytes of a UUID's text.
enum UUIDText {
    static func bytes(_ text: String) -> [UInt8]? { BootID(text: text)?.bytes }
}
