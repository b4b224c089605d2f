import BitcoinP2P
import ByteCodec

/// A message decoded into its typed values, and those values written out again.
struct MessageFields {
    /// How the decode ended.
    let status: DecodeStatus
    /// What was decoded; of a cut message, what stands before the cut.
    let list: FieldList

    /// The message as decode-messages.py prints it. Python decodes whole messages only, so that of a cut one
    /// the status is all there is to compare.
    func line(_ name: String) -> String {
        let hasFields = status == .ok || status == .trailing
        return "\(name) \(status.rawValue)" + (hasFields ? list.line : "")
    }

    /// Decodes the captured part of a message of `size` bytes.
    init(_ type: MessageType, _ payload: RawSpan, size: Int, withLine: Bool = true) {
        var list = FieldList(withLine: withLine)
        status =
            switch type {
            case .version: list.version(payload, size)
            case .addr: list.addr(payload, size)
            case .addrv2: list.addrv2(payload, size)
            case .inv: list.inventory(Inv.self, payload, size)
            case .getdata: list.inventory(GetData.self, payload, size)
            case .notfound: list.inventory(NotFound.self, payload, size)
            case .getblocks: list.locator(GetBlocks.self, payload, size)
            case .getheaders: list.locator(GetHeaders.self, payload, size)
            case .headers: list.headers(payload, size)
            case .block: list.block(payload, size)
            case .merkleblock: list.merkleBlock(payload, size)
            case .tx: list.tx(payload, size)
            case .cmpctblock: list.compactBlock(payload, size)
            case .getblocktxn: list.getBlockTransactions(payload, size)
            case .blocktxn: list.blockTransactions(payload, size)
            case .cfilter: list.compactFilter(payload, size)
            case .cfheaders: list.compactFilterHeaders(payload, size)
            case .cfcheckpt: list.compactFilterCheckpoints(payload, size)
            case .ping: list.short(Ping.self, payload, size) { $0.u64("nonce", $1.nonce) }
            case .pong: list.short(Pong.self, payload, size) { $0.u64("nonce", $1.nonce) }
            case .feefilter: list.short(FeeFilter.self, payload, size) { $0.i64("rate", $1.rate) }
            case .filterload:
                list.short(FilterLoad.self, payload, size) {
                    $0.run("filter", $1.filter)
                    $0.u32("functions", $1.functions)
                    $0.u32("tweak", $1.tweak)
                    $0.u8("update", $1.update.rawValue)
                }
            case .filteradd: list.short(FilterAdd.self, payload, size) { $0.run("element", $1.element) }
            case .sendcmpct:
                list.short(SendCompact.self, payload, size) {
                    $0.flag("announce", $1.announce)
                    $0.u64("version", $1.version)
                }
            case .getcfilters: list.filterRange(GetCompactFilters.self, payload, size)
            case .getcfheaders: list.filterRange(GetCompactFilterHeaders.self, payload, size)
            case .getcfcheckpt:
                list.short(GetCompactFilterCheckpoints.self, payload, size) {
                    $0.u8("filter_type", $1.filterType.rawValue)
                    $0.hash("stop", $1.stop)
                }
            case .sendtxrcncl:
                list.short(SendTxReconciliation.self, payload, size) {
                    $0.u32("version", $1.version)
                    $0.u64("salt", $1.salt)
                }
            case .feature:
                list.short(Feature.self, payload, size) {
                    $0.run("id", $1.id)
                    $0.run("data", $1.data)
                }
            case .verack: list.short(VersionAck.self, payload, size) { _, _ in }
            case .sendaddrv2: list.short(SendAddrV2.self, payload, size) { _, _ in }
            case .sendheaders: list.short(SendHeaders.self, payload, size) { _, _ in }
            case .mempool: list.short(Mempool.self, payload, size) { _, _ in }
            case .getaddr: list.short(GetAddr.self, payload, size) { _, _ in }
            case .filterclear: list.short(FilterClear.self, payload, size) { _, _ in }
            case .wtxidrelay: list.short(WtxidRelay.self, payload, size) { _, _ in }
            }
        self.list = list
    }
}

extension FieldList {
    fileprivate mutating func short<Message: ShortMessage>(
        _: Message.Type, _ payload: RawSpan, _ size: Int, _ fields: (inout FieldList, Message) -> Void
    ) -> DecodeStatus {
        let decoded = Message.decode(payload, size: size)
        if let message = decoded.value { fields(&self, message) }
        return decoded.status
    }

    fileprivate mutating func version(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        let decoded = Version.decode(payload, size: size)
        guard let version = decoded.value else { return decoded.status }
        i32("version", version.protocolVersion)
        u64("services", version.services)
        i64("time", version.timestamp)
        u64("receiver_services", version.receiverServices)
        legacy("receiver", version.receiver)
        if let services = version.senderServices { u64("sender_services", services) }
        if let sender = version.sender { legacy("sender", sender) }
        if let nonce = version.nonce { u64("nonce", nonce) }
        if let userAgent = version.userAgent { run("user_agent", userAgent) }
        if let height = version.startHeight { i32("height", height) }
        if let relay = version.relay { flag("relay", relay) }
        return decoded.status
    }

    fileprivate mutating func addr(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var entries: [AddressEntry] = []
        let delivery = Addr.forEach(payload, size: size) { entries.append($0) }
        open(delivery)
        for entry in entries {
            u32("time", entry.announcedAt)
            u64("services", entry.services)
            legacy("address", entry.address)
        }
        return delivery.status
    }

    fileprivate mutating func addrv2(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var entries: [AddressEntry] = []
        let delivery = AddrV2.forEach(payload, size: size) { entries.append($0) }
        open(delivery)
        for entry in entries {
            u32("time", entry.announcedAt)
            count("services", entry.services)
            bip155("address", entry.address)
        }
        return delivery.status
    }

    fileprivate mutating func inventory(
        _ message: any InventoryMessage.Type, _ payload: RawSpan, _ size: Int
    ) -> DecodeStatus {
        var entries: [InventoryEntry] = []
        let delivery = message.forEach(payload, size: size) { entries.append($0) }
        open(delivery)
        for entry in entries {
            u32("type", entry.kind.rawValue)
            hash("hash", entry.hash)
        }
        return delivery.status
    }

    fileprivate mutating func headers(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var headers: [BlockHeader] = []
        let delivery = Headers.forEach(payload, size: size) { headers.append($0) }
        open(delivery)
        for entry in headers {
            header(entry)
            constant(0)
        }
        return delivery.status
    }

    /// The number of entries, unless not even that was captured. A cut list of no entries tells nothing.
    private mutating func open(_ delivery: Delivery) {
        guard delivery.status != .malformed, delivery.status != .truncated || delivery.declared > 0 else {
            return
        }
        count("count", delivery.declared)
    }

    fileprivate mutating func locator<Message: LocatorMessage>(
        _: Message.Type, _ payload: RawSpan, _ size: Int
    ) -> DecodeStatus {
        let decoded = Message.decode(payload, size: size)
        guard let message = decoded.value else { return decoded.status }
        i32("version", message.locator.version)
        if let declared = message.locator.count { count("count", declared) }
        for entry in message.locator.hashes { hash("hash", entry) }
        if let stop = message.stop { hash("stop", stop) }
        return decoded.status
    }

    fileprivate mutating func filterRange<Message: FilterRangeRequest>(
        _: Message.Type, _ payload: RawSpan, _ size: Int
    ) -> DecodeStatus {
        short(Message.self, payload, size) {
            $0.u8("filter_type", $1.filterType.rawValue)
            $0.u32("start", $1.startHeight)
            $0.hash("stop", $1.stop)
        }
    }

    fileprivate mutating func compactFilter(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        let decoded = CompactFilter.decode(payload, size: size)
        guard let filter = decoded.value else { return decoded.status }
        u8("filter_type", filter.filterType.rawValue)
        hash("block", filter.blockHash)
        if let bytes = filter.filter { run("filter", bytes) }
        if let items = filter.itemCount { derived("items", items) }
        return decoded.status
    }

    fileprivate mutating func compactFilterHeaders(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var hashes: [Hash256] = []
        let decoded = CompactFilterHeaders.decode(payload, size: size) { hashes.append($0) }
        guard let message = decoded.value else { return decoded.status }
        u8("filter_type", message.filterType.rawValue)
        hash("stop", message.stop)
        hash("previous", message.previous)
        if let declared = message.count { count("count", declared) }
        for entry in hashes { hash("hash", entry) }
        return decoded.status
    }

    fileprivate mutating func compactFilterCheckpoints(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var headers: [Hash256] = []
        let decoded = CompactFilterCheckpoints.decode(payload, size: size) { headers.append($0) }
        guard let message = decoded.value else { return decoded.status }
        u8("filter_type", message.filterType.rawValue)
        hash("stop", message.stop)
        if let declared = message.count { count("count", declared) }
        for entry in headers { hash("header", entry) }
        return decoded.status
    }
}
