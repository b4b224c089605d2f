internal import ByteCodec

/// The message types of Bitcoin's P2P protocol (Bitcoin Core's protocol.h, `ALL_NET_MESSAGE_TYPES`).
///
/// A type that is none of these has no value here: its name and bytes are kept raw and its decode status
/// is ``DecodeStatus/unknown``.
public enum MessageType: String, Sendable, Hashable, CaseIterable {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case version, verack, addr, addrv2, sendaddrv2, inv, getdata, notfound
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case getblocks, getheaders, headers, sendheaders, block, merkleblock, tx, mempool, getaddr
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case ping, pong, feefilter, filterload, filteradd, filterclear
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case sendcmpct, cmpctblock, getblocktxn, blocktxn
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case getcfilters, cfilter, getcfheaders, cfheaders, getcfcheckpt, cfcheckpt
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case wtxidrelay, sendtxrcncl, feature

    /// The type named by `bytes`, or nil if Bitcoin Core knows none of that name.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount <= 12 else { return nil }
        self.init(rawValue: bytes.text())
    }
}
