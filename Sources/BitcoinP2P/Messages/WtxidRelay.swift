/// `wtxidrelay`: before `verack`, asks for transactions to be announced by wtxid (BIP339).
public struct WtxidRelay: EmptyMessage {
    /// The message.
    public init() {}
}
