public import Tracepoints

/// What is captured of each tracepoint, and how many bytes of each message's payload.
public struct CapturePolicy: Sendable, Equatable {
    /// How much of a tracepoint is kept.
    public enum Mode: UInt8, Sendable, CaseIterable {
        /// Not even attached.
        case off = 0
        /// Counted in the kernel, one record a minute.
        case count
        /// Every event is a record.
        case full

        /// As the configuration spells it.
        public init?(name: String) {
            guard let mode = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = mode
        }

        /// As the configuration spells it.
        public var name: String {
            switch self {
            case .off: "off"
            case .count: "count"
            case .full: "full"
            }
        }
    }

    /// Direction and type of messages.
    public struct MessageKind: Hashable, Sendable {
        /// Received by the node.
        public let inbound: Bool
        /// Such as `inv`.
        public let type: String
    }

    /// Modes that differ from the default.
    public var modes: [Tracepoint: Mode]
    /// Payload bytes kept of messages not named in ``snaplens``.
    public var snaplen: UInt32
    /// Payload bytes kept by direction and type.
    public var snaplens: [MessageKind: UInt32]

    /// The largest payload that can be captured: above what the P2P protocol allows.
    public static let largestSnaplen: UInt32 = 4 << 20

    /// The defaults of a production node: coins are counted, the node's own wallet is left alone.
    public static let standard: CapturePolicy = {
        var modes: [Tracepoint: Mode] = [:]
        for tracepoint in [Tracepoint.utxocacheAdd, .utxocacheSpent, .utxocacheUncache] {
            modes[tracepoint] = .count
        }
        for tracepoint in [Tracepoint.selectedCoins, .normalCreateTx, .attemptingAPSCreateTx, .apsCreateTx] {
            modes[tracepoint] = .off
        }
        var snaplens: [MessageKind: UInt32] = [:]
        for inbound in [true, false] {
            for type in ["headers", "inv", "blocktxn"] {
                snaplens[MessageKind(inbound: inbound, type: type)] = 256 << 10
            }
            snaplens[MessageKind(inbound: inbound, type: "block")] = 256
        }
        return CapturePolicy(modes: modes, snaplen: 64 << 10, snaplens: snaplens)
    }()

    /// Everything, whole.
    public static let everything = CapturePolicy(modes: [:], snaplen: largestSnaplen, snaplens: [:])

    /// The mode of `tracepoint`.
    public func mode(_ tracepoint: Tracepoint) -> Mode { modes[tracepoint] ?? .full }
}
