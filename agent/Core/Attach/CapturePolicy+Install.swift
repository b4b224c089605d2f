import BPF
import CRecord
import Tracepoints

extension CapturePolicy {
    /// Writes the policy into the maps the programs read.
    func install(in maps: CaptureMaps) throws(BPFError) {
        var stale: ps_snaplen_key? = nil
        while let key = maps.snaplens.key(after: stale) {
            maps.snaplens.remove(key)
            stale = nil
        }
        for (kind, bytes) in snaplens {
            var key = ps_snaplen_key()
            key.inbound = kind.inbound ? 1 : 0
            setFixedText(&key.type, kind.type)
            try maps.snaplens.set(key, min(bytes, Self.largestSnaplen))
        }
        for tracepoint in Tracepoint.allCases {
            try maps.policy.set(
                UInt32(tracepoint.rawValue),
                ps_policy(
                    mode: UInt32(mode(tracepoint).rawValue), snaplen: min(snaplen, Self.largestSnaplen),
                    least: least(inbound: tracepoint == .inboundMessage), reserved: 0))
        }
    }

    /// The smallest snaplen that any type of message of a direction has.
    private func least(inbound: Bool) -> UInt32 {
        snaplens.filter { $0.key.inbound == inbound }.values.reduce(min(snaplen, Self.largestSnaplen), min)
    }
}
