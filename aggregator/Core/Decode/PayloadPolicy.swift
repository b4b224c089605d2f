internal import BitcoinP2P

/// Which payloads `p2p_message` keeps.
public enum PayloadPolicy: String, Sendable, CaseIterable {
    /// Every payload as far as it was captured.
    case all
    /// Those that studies come back to: version, inbound addr and addrv2, cmpctblock, getblocktxn, headers, and
    /// whatever is malformed.
    case study

    func keeps(_ type: MessageType?, inbound: Bool, status: DecodeStatus) -> Bool {
        guard self == .study else { return true }
        if status == .malformed { return true }
        switch type {
        case .version, .cmpctblock, .getblocktxn, .headers: return true
        case .addr, .addrv2: return inbound
        default: return false
        }
    }
}
