import Tracepoints

extension CapturePolicy {
    /// Applies `full`, `default` or `TRACEPOINT=full|count|off`.
    public mutating func apply(policy word: String) throws(AgentError) {
        switch word {
        case "full": self = .everything
        case "default": self = .standard
        default:
            let pair = word.split(separator: "=").map(String.init)
            guard pair.count == 2, let tracepoint = Tracepoint(name: pair[0]), let mode = Mode(name: pair[1])
            else {
                throw AgentError(
                    doing: "reading --policy \(word)", reason: "it names no tracepoint and mode",
                    remedy: "write full, default or for example utxocache:add=count")
            }
            modes[tracepoint] = mode
        }
    }

    /// Applies `default=BYTES`, `inbound.TYPE=BYTES` or `outbound.TYPE=BYTES`.
    public mutating func apply(snaplen word: String) throws(AgentError) {
        let pair = word.split(separator: "=").map(String.init)
        let place = (pair.first ?? "").split(separator: ".", maxSplits: 1).map(String.init)
        guard pair.count == 2, let bytes = UInt32(pair[1]), bytes <= Self.largestSnaplen else {
            throw Self.wrong(word)
        }
        switch (place.first, place.count) {
        case ("default", 1): snaplen = bytes
        case ("inbound", 2), ("outbound", 2):
            snaplens[MessageKind(inbound: place[0] == "inbound", type: place[1])] = bytes
        default: throw Self.wrong(word)
        }
    }

    private static func wrong(_ word: String) -> AgentError {
        AgentError(
            doing: "reading --snaplen \(word)", reason: "it is not understood",
            remedy:
                "write default=BYTES, inbound.TYPE=BYTES or outbound.TYPE=BYTES, at most \(largestSnaplen)")
    }
}
