/// `verack`: takes the peer's `version`, and ends the handshake (Bitcoin Core's protocol.h).
public struct VersionAck: EmptyMessage {
    /// The message.
    public init() {}
}
