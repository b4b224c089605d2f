/// `sendaddrv2`: before `verack`, asks for `addrv2` instead of `addr` (BIP155).
public struct SendAddrV2: EmptyMessage {
    /// The message.
    public init() {}
}
