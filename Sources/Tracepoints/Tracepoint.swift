/// A USDT tracepoint of Bitcoin Core, or of Core patched with the address manager's two.
///
/// The raw value is the number that travels in batches and that the BPF programs write; it never changes.
/// Source: Bitcoin Core, `doc/tracing.md` and the release notes of v23 to v31.
public enum Tracepoint: UInt8, CaseIterable, Sendable, Hashable {
    case inboundMessage = 1
    case outboundMessage
    case inboundConnection
    case outboundConnection
    case evictedInboundConnection
    case closedConnection
    case misbehavingConnection
    case blockConnected
    case utxocacheFlush
    case utxocacheAdd
    case utxocacheSpent
    case utxocacheUncache
    case selectedCoins
    case normalCreateTx
    case attemptingAPSCreateTx
    case apsCreateTx
    case mempoolAdded
    case mempoolRemoved
    case mempoolReplaced
    case mempoolRejected
    case addrmanAttemptAdd
    case addrmanMoveToGood

    /// What one argument is in Core, and so how it travels.
    public enum ArgumentKind: Sendable, Equatable {
        /// A signed integer: zigzag varint.
        case signed
        /// An unsigned integer: varint.
        case unsigned
        /// A C++ `bool`: one byte.
        case boolean
        /// A pointer to 32 bytes, in wire order.
        case hash
        /// A NUL-terminated string; the record has room for `capacity` bytes with the NUL.
        case string(capacity: Int)
        /// A pointer to as many bytes as the preceding argument says.
        case payload
    }

    /// A named argument, in Core's order.
    public struct Argument: Sendable, Equatable {
        /// Its name, the same as in the capture's documentation and in the database where it is a column.
        public let name: String
        /// Its kind.
        public let kind: ArgumentKind

        init(_ name: String, _ kind: ArgumentKind) {
            self.name = name
            self.kind = kind
        }
    }

    /// `net:inbound_message` and so on: what `readelf -n`, bpftrace and the database call it.
    public var name: String { "\(provider):\(probe)" }

    /// The USDT provider.
    public var provider: String { description.provider }
    /// The USDT probe name.
    public var probe: String { description.probe }
    /// The arguments in Core's order.
    public var arguments: [Argument] { description.arguments }
    /// How many arguments of ``arguments`` a node may leave out, at the end.
    public var optionalArguments: Int { self == .mempoolReplaced ? 1 : 0 }
    /// Whether only patched nodes have it.
    public var isPatchOnly: Bool { provider == "addrman" }

    /// The tracepoint called `provider:probe`, if there is one.
    public init?(name: String) {
        guard let found = Self.byName[name] else { return nil }
        self = found
    }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })
    private static let descriptions = allCases.map(Self.describe)
    private var description: Description { Self.descriptions[Int(rawValue) - 1] }

    private struct Description: Sendable {
        let provider: String
        let probe: String
        let arguments: [Argument]
    }

    private static func describe(_ tracepoint: Tracepoint) -> Description {
        func entry(_ provider: String, _ probe: String, _ arguments: Argument...) -> Description {
            Description(provider: provider, probe: probe, arguments: arguments)
        }
        let peer = [
            Argument("peer_id", .signed), Argument("addr", .string(capacity: StringCapacity.address)),
            Argument("conn_type", .string(capacity: StringCapacity.connectionType)),
        ]
        let message =
            peer + [
                Argument("msg_type", .string(capacity: StringCapacity.messageType)),
                Argument("size", .unsigned), Argument("payload", .payload),
            ]
        let coin = [
            Argument("txid", .hash), Argument("vout", .unsigned), Argument("height", .unsigned),
            Argument("value", .signed), Argument("coinbase", .boolean),
        ]
        let wallet = Argument("wallet", .string(capacity: StringCapacity.wallet))
        switch tracepoint {
        case .inboundMessage:
            return Description(provider: "net", probe: "inbound_message", arguments: message)
        case .outboundMessage:
            return Description(provider: "net", probe: "outbound_message", arguments: message)
        case .inboundConnection, .outboundConnection:
            return Description(
                provider: "net",
                probe: tracepoint == .inboundConnection ? "inbound_connection" : "outbound_connection",
                arguments: peer + [Argument("network", .unsigned), Argument("connections", .unsigned)])
        case .evictedInboundConnection, .closedConnection:
            return Description(
                provider: "net",
                probe: tracepoint == .closedConnection ? "closed_connection" : "evicted_inbound_connection",
                arguments: peer + [Argument("network", .unsigned), Argument("connected_at", .signed)])
        case .misbehavingConnection:
            return entry(
                "net", "misbehaving_connection", Argument("peer_id", .signed),
                Argument("reason", .string(capacity: StringCapacity.reason)))
        case .blockConnected:
            return entry(
                "validation", "block_connected", Argument("hash", .hash), Argument("height", .signed),
                Argument("transactions", .unsigned), Argument("inputs", .signed),
                Argument("sigops_cost", .signed), Argument("duration_ns", .signed))
        case .utxocacheFlush:
            return entry(
                "utxocache", "flush", Argument("duration_us", .signed), Argument("mode", .unsigned),
                Argument("coins", .unsigned), Argument("bytes", .unsigned), Argument("for_prune", .boolean))
        case .utxocacheAdd: return Description(provider: "utxocache", probe: "add", arguments: coin)
        case .utxocacheSpent: return Description(provider: "utxocache", probe: "spent", arguments: coin)
        case .utxocacheUncache: return Description(provider: "utxocache", probe: "uncache", arguments: coin)
        case .selectedCoins:
            return entry(
                "coin_selection", "selected_coins", wallet,
                Argument("algorithm", .string(capacity: StringCapacity.algorithm)),
                Argument("target", .signed), Argument("waste", .signed), Argument("selected", .signed))
        case .normalCreateTx:
            return entry(
                "coin_selection", "normal_create_tx_internal", wallet, Argument("success", .boolean),
                Argument("fee", .signed), Argument("change_pos", .signed))
        case .attemptingAPSCreateTx: return entry("coin_selection", "attempting_aps_create_tx", wallet)
        case .apsCreateTx:
            return entry(
                "coin_selection", "aps_create_tx_internal", wallet, Argument("use_aps", .boolean),
                Argument("success", .boolean), Argument("fee", .signed), Argument("change_pos", .signed))
        case .mempoolAdded:
            return entry(
                "mempool", "added", Argument("txid", .hash), Argument("vsize", .signed),
                Argument("fee", .signed))
        case .mempoolRemoved:
            return entry(
                "mempool", "removed", Argument("txid", .hash),
                Argument("reason", .string(capacity: StringCapacity.reason)), Argument("vsize", .signed),
                Argument("fee", .signed), Argument("entry_time", .unsigned))
        case .mempoolReplaced:
            return entry(
                "mempool", "replaced", Argument("old_txid", .hash), Argument("old_vsize", .signed),
                Argument("old_fee", .signed), Argument("old_entry_time", .unsigned),
                Argument("new_id", .hash),
                Argument("new_vsize", .signed), Argument("new_fee", .signed),
                Argument("new_is_txid", .boolean))
        case .mempoolRejected:
            return entry(
                "mempool", "rejected", Argument("txid", .hash),
                Argument("reason", .string(capacity: StringCapacity.reason)))
        case .addrmanAttemptAdd:
            return entry(
                "addrman", "attempt_add", Argument("inserted", .boolean), Argument("bucket", .signed),
                Argument("position", .signed), Argument("addr", .string(capacity: StringCapacity.address)),
                Argument("addr_as", .unsigned), Argument("source", .string(capacity: StringCapacity.address)),
                Argument("source_as", .unsigned))
        case .addrmanMoveToGood:
            return entry(
                "addrman", "move_to_good", Argument("bucket", .signed), Argument("position", .signed),
                Argument("addr", .string(capacity: StringCapacity.address)), Argument("addr_as", .unsigned),
                Argument("source", .string(capacity: StringCapacity.address)),
                Argument("source_as", .unsigned))
        }
    }
}

/// Room for each kind of string in a record, in bytes with the NUL: the longest documented value, rounded up
/// to eight. A longer string is cut and marked. `record.h` has the same numbers, and a test compares them.
public enum StringCapacity {
    /// `host:port`, where a host name has up to 253 characters.
    public static let address = 264
    /// The longest connection type is `private-broadcast`.
    public static let connectionType = 24
    /// Twelve characters on the wire.
    public static let messageType = 16
    /// Misbehaviour, rejection and removal reasons: up to 128 characters.
    public static let reason = 136
    /// A wallet's name is a folder's: up to 255 characters.
    public static let wallet = 264
    /// `bnb`, `knapsack`, `srd`, `cg`, and room for their successors.
    public static let algorithm = 32
}
