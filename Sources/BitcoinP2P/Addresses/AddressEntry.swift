/// One entry of `addr` or `addrv2`: an address, and what its announcer knew about it.
public struct AddressEntry: Sendable, Hashable {
    /// When the address was last seen, by the announcer's word, in Unix seconds (`nTime`). Relayed unchanged.
    public let announcedAt: UInt32
    /// The service bits the node at the address is said to offer.
    public let services: UInt64
    /// Network, address and port.
    public let address: NetworkAddress
}
