import CollectorProtocol
import Glibc
import Spool

/// What a stream keeps on disk: who it is, which numbers it may use, and its spool.
///
///     STATE/nodes/NAME/stream   the stream's id, made once
///     STATE/nodes/NAME/lease    first number not yet leased, and whether the last stop was clean
///     STATE/nodes/NAME/spool/   segments
final class StreamFolder {
    /// The stream's id: 63 random bits.
    let streamID: UInt64
    let spool: Spool
    /// The next sequence number to be given out.
    private(set) var nextSequence: UInt64
    /// Numbers skipped because the last stop was not clean: to be declared first. Empty when it was clean.
    let skipped: ClosedRange<UInt64>?

    private let path: String
    private var leaseEnd: UInt64

    /// Numbers leased at a time: one durable write each.
    static let leaseLength: UInt64 = 1 << 20

    init(state: String, node: String) throws {
        path = state + "/nodes/" + node
        try Files.makeFolder(path, mode: 0o700)
        let known = Files.text(path + "/stream").flatMap { UInt64($0.split(separator: "\n").first ?? "") }
        streamID = known ?? UInt64.random(in: 1...UInt64(Int64.max))
        if known == nil { try Files.writeDurably(path + "/stream", Array("\(streamID)\n".utf8)) }
        spool = try Spool(folder: path + "/spool")

        let spooled = spool.recovered?.header.lastSequence ?? 0
        let lease = Files.text(path + "/lease").map { $0.split(whereSeparator: \.isWhitespace) }
        let recorded = lease.flatMap { $0.first }.flatMap { UInt64($0) }
        let clean = lease.map { $0.count > 1 && $0[1] == "clean" } ?? true
        let resumed = max(recorded ?? 1, spooled + 1)
        nextSequence = resumed
        // After an unclean stop the numbers up to the lease's end may have been used by batches that are lost.
        skipped = !clean && resumed > spooled + 1 ? spooled + 1...resumed - 1 : nil
        // Nothing is leased before the first number is taken: a full disk must not keep the spool from being sent.
        leaseEnd = resumed
    }

    /// Takes `count` numbers; none when they cannot be leased.
    func take(_ count: Int) throws -> UInt64 {
        let first = nextSequence
        let next = first + UInt64(count)
        if next > leaseEnd { try takeLease(from: first, through: next) }
        nextSequence = next
        return first
    }

    /// Goes on behind `sequence`, which the aggregator already has from us.
    func jump(past sequence: UInt64) throws {
        guard sequence >= nextSequence else { return }
        try takeLease(from: sequence + 1)
        nextSequence = sequence + 1
    }

    /// Gives back what was leased and not used: the next start goes on without a hole.
    func close() throws {
        try spool.sync()
        try Files.writeDurably(path + "/lease", Array("\(nextSequence) clean\n".utf8))
    }

    private func takeLease(from sequence: UInt64, through last: UInt64 = 0) throws(AgentError) {
        let end = max(sequence + Self.leaseLength, last)
        try Files.writeDurably(path + "/lease", Array("\(end) leased\n".utf8))
        leaseEnd = end
    }
}
