internal import CPlatform
internal import CollectorProtocol
internal import Foundation
internal import Logging
internal import PostgreSQL

/// The writers of one process.
final class WriterPool: Sendable {
    let writers: [Writer]
    private let ended = DispatchGroup()

    /// Proves that the folder can be written and the database has its schema, and starts the threads.
    init(_ settings: Aggregator.Settings, acceptsAnyAge: Bool = false, logger: Logger) throws {
        let quarantine = try QuarantineFolder(dataDirectory: settings.dataDirectory)
        let connection = try Connection(settings.conninfo)
        let reference = try ClockReference.load(
            try HostClock.bootID(), offset: HostClock.realMinusMono, connection)
        let sample = try connection.execute(
            "SELECT sample FROM peerscope.retention WHERE table_name = 'inv_entry'")
        let decode = DecodeSettings(
            payloads: settings.payloads, addressBudget: settings.addressBudget,
            inventorySample: sample.scalar.flatMap { UInt32($0) } ?? 1)
        var writer = WriterSettings(
            conninfo: settings.conninfo, decode: decode, quarantine: quarantine, reference: reference)
        writer.acceptsAnyAge = acceptsAnyAge
        let common = writer
        writers = (0..<max(1, settings.writers)).map { _ in Writer(common, logger: logger) }
        for (number, writer) in writers.enumerated() {
            ended.enter()
            writer.start(name: "writer-\(number)") { [ended] in ended.leave() }
        }
    }

    /// Lets every writer finish, and waits.
    func stop() {
        for writer in writers { writer.mailbox.close() }
        ended.wait()
    }
}

/// The clock of this host.
enum HostClock {
    /// `/proc/sys/kernel/random/boot_id`.
    static func bootID() throws -> BootID {
        let path = "/proc/sys/kernel/random/boot_id"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let id = BootID(text: text)
        else {
            throw AggregatorError("\(path) cannot be read", hint: "is /proc mounted?")
        }
        return id
    }

    /// Nanoseconds.
    static var realMinusMono: Int64 {
        let pair = ps_clock_pair_now()
        return pair.realtime_ns - Int64(clamping: pair.monotonic_ns)
    }
}
