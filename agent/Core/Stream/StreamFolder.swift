import CollectorProtocol
import Spool

/// What a stream keeps on disk: who it is, which numbers it may use, and its spool.
///
///     STATE/nodes/NAME/stream   the stream's id, made once
///     STATE/nodes/NAME/lease    first number not yet leased, and whether the last stop was clean
///     STATE/nodes/NAME/spool/   segments
///
/// No number is used twice: a lease is on disk before the first of its numbers is taken, and whoever does not find
/// a clean stop goes on behind it. Where the lease of a known stream is gone, nobody knows which numbers were used,
/// since the spool may have lost its end with it: they go on so far ahead that no lease can have reached there. An id
/// that is gone is read from the spool, if that has a batch.
final class StreamFolder {
    /// The stream's id: 63 random bits.
    let streamID: UInt64
    let spool: Spool
    /// The next sequence number to be given out.
    private(set) var nextSequence: UInt64
    /// Numbers skipped because the last stop was not clean: to be declared first. Empty when it was clean.
    let skipped: ClosedRange<UInt64>?

    private let path: String
    private let fileSystem: any SpoolFileSystem
    private var leaseEnd: UInt64

    /// Numbers leased at a time: one durable write each.
    static let leaseLength: UInt64 = 1 << 20
    /// Numbers skipped where the lease is gone: a million leases.
    static let lostLeaseLength: UInt64 = 1 << 40

    init(
        state: String, node: String, segmentBytes: Int = 16 << 20, holdsBack: Bool = false,
        fileSystem: any SpoolFileSystem = HostFileSystem()
    ) throws {
        self.fileSystem = fileSystem
        path = state + "/nodes/" + node
        try fileSystem.makeFolder(path)
        let known = try Self.words(fileSystem, path + "/stream").first.flatMap { UInt64($0) }
        spool = try Spool(
            folder: path + "/spool", streamID: known, segmentBytes: segmentBytes, holdsBack: holdsBack,
            fileSystem: fileSystem)
        streamID = known ?? spool.recovered?.header.streamID ?? UInt64.random(in: 1...UInt64(Int64.max))
        let spooled = spool.recovered?.header.lastSequence ?? 0
        var lease = try Self.words(fileSystem, path + "/lease")
        if known == nil {
            if spooled == 0 {
                // A stream begins. Its lease is there before its id is: from then on one that is missing is lost.
                try fileSystem.replace(path + "/lease", with: Array("1 clean\n".utf8))
                lease = ["1", "clean"]
            }
            try fileSystem.replace(path + "/stream", with: Array("\(streamID)\n".utf8))
        }
        let recorded = lease.first.flatMap { UInt64($0) }
        let clean = recorded != nil && lease.dropFirst().first == "clean"
        let resumed = max(recorded ?? spooled + 1 + Self.lostLeaseLength, spooled + 1)
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
        leaseEnd = nextSequence
        try fileSystem.replace(path + "/lease", with: Array("\(nextSequence) clean\n".utf8))
    }

    private func takeLease(from sequence: UInt64, through last: UInt64 = 0) throws {
        let end = max(sequence + Self.leaseLength, last)
        try fileSystem.replace(path + "/lease", with: Array("\(end) leased\n".utf8))
        leaseEnd = end
    }

    /// The words of a file's first line; none when there is no such file or it is not text.
    private static func words(_ fileSystem: any SpoolFileSystem, _ path: String) throws -> [Substring] {
        let text = String(decoding: try fileSystem.content(of: path) ?? [], as: UTF8.self)
        return text.prefix { $0 != "\n" }.split(separator: " ")
    }
}
