/// `mempool`: asks for an `inv` of the transactions in the peer's mempool (BIP35).
public struct Mempool: EmptyMessage {
    /// The message.
    public init() {}
}
