/// `getaddr`: asks for addresses of other nodes (Bitcoin Core's protocol.h).
public struct GetAddr: EmptyMessage {
    /// The message.
    public init() {}
}
