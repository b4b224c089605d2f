extension MessageType {
    /// How the decode of a message of this type ends, for those whose fields are not needed.
    public func status(of payload: RawSpan, size: Int) -> DecodeStatus {
        switch self {
        case .version: Version.decode(payload, size: size).status
        case .addr: Addr.forEach(payload, size: size) { _ in }.status
        case .addrv2: AddrV2.forEach(payload, size: size) { _ in }.status
        case .inv: Inv.forEach(payload, size: size) { _ in }.status
        case .getdata: GetData.forEach(payload, size: size) { _ in }.status
        case .notfound: NotFound.forEach(payload, size: size) { _ in }.status
        case .getblocks: GetBlocks.decode(payload, size: size).status
        case .getheaders: GetHeaders.decode(payload, size: size).status
        case .headers: Headers.forEach(payload, size: size) { _ in }.status
        case .block: Block.decode(payload, size: size).status
        case .merkleblock: MerkleBlock.decode(payload, size: size).status
        case .tx: Tx.decode(payload, size: size).status
        case .ping: Ping.decode(payload, size: size).status
        case .pong: Pong.decode(payload, size: size).status
        case .feefilter: FeeFilter.decode(payload, size: size).status
        case .filterload: FilterLoad.decode(payload, size: size).status
        case .filteradd: FilterAdd.decode(payload, size: size).status
        case .filterclear: FilterClear.decode(payload, size: size).status
        case .sendcmpct: SendCompact.decode(payload, size: size).status
        case .cmpctblock: CompactBlock.decode(payload, size: size).status
        case .getblocktxn: GetBlockTransactions.decode(payload, size: size).status
        case .blocktxn: BlockTransactions.decode(payload, size: size).status
        case .getcfilters: GetCompactFilters.decode(payload, size: size).status
        case .cfilter: CompactFilter.decode(payload, size: size).status
        case .getcfheaders: GetCompactFilterHeaders.decode(payload, size: size).status
        case .cfheaders: CompactFilterHeaders.decode(payload, size: size).status
        case .getcfcheckpt: GetCompactFilterCheckpoints.decode(payload, size: size).status
        case .cfcheckpt: CompactFilterCheckpoints.decode(payload, size: size).status
        case .sendtxrcncl: SendTxReconciliation.decode(payload, size: size).status
        case .feature: Feature.decode(payload, size: size).status
        case .verack: VersionAck.decode(payload, size: size).status
        case .sendaddrv2: SendAddrV2.decode(payload, size: size).status
        case .sendheaders: SendHeaders.decode(payload, size: size).status
        case .mempool: Mempool.decode(payload, size: size).status
        case .getaddr: GetAddr.decode(payload, size: size).status
        case .wtxidrelay: WtxidRelay.decode(payload, size: size).status
        }
    }
}
