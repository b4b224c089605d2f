/// `sendheaders`: asks for new blocks to be announced by `headers` instead of `inv` (BIP130).
public struct SendHeaders: EmptyMessage {
    /// The message.
    public init() {}
}
