internal import CollectorProtocol
internal import Foundation
internal import Logging
internal import PostgreSQL

/// A thread with its own connection that stores batches, many streams to a transaction.
///
/// Failure semantics: nothing is acknowledged before COMMIT. Whatever fails, the cached state of the streams
/// concerned is thrown away and read again, and the same batches are tried again; those that were committed after
/// all are recognised by the watermark. Only a batch that fails alone and by its own content is set aside.
final class Writer: Sendable {
    let mailbox = Mailbox()
    private let settings: WriterSettings
    private let logger: Logger

    init(_ settings: WriterSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Starts the thread; `ended` is called when it has done everything after ``Mailbox/close()``.
    func start(name: String, ended: @escaping @Sendable () -> Void) {
        let thread = Thread { [self] in
            WriterLoop(settings, mailbox, logger).run()
            ended()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }
}

/// What a writer is told.
struct WriterSettings: Sendable {
    let conninfo: String
    let decode: DecodeSettings
    let quarantine: QuarantineFolder
    let reference: ClockReference
    /// Bytes of batches after which a transaction begins.
    var flushBytes = 8 << 20
    /// Seconds after the first batch when it begins at the latest.
    var flushSeconds = 0.1
    /// Whether events of any age are taken in, as when saved segments are replayed.
    var acceptsAnyAge = false
}

/// The writer's life on its thread.
final class WriterLoop {
    private let settings: WriterSettings
    private let mailbox: Mailbox
    private let logger: Logger
    private let decoder: BatchDecoder
    private var connection: Connection?
    private var transaction: WriterTransaction?
    private var wait = WriterLoop.shortestWait
    private static let shortestWait = 0.1
    private static let longestWait = 10.0

    init(_ settings: WriterSettings, _ mailbox: Mailbox, _ logger: Logger) {
        self.settings = settings
        self.mailbox = mailbox
        self.logger = logger
        decoder = BatchDecoder(settings.decode)
    }

    func run() {
        while let work = mailbox.take(bytes: settings.flushBytes, seconds: settings.flushSeconds) {
            var batches: [QueuedBatch] = []
            for piece in work {
                switch piece {
                case .batch(let batch): batches.append(batch)
                case .errand(let errand):
                    // Batches that came before the greeting are stored before it is answered.
                    store(batches)
                    batches = []
                    perform(errand)
                }
            }
            store(batches)
        }
    }

    private func perform(_ errand: Errand) {
        insist("registering an agent") { transaction in
            switch errand {
            case .register(let hello, let reply):
                reply(try Registration.register(hello, self.settings.reference, transaction.connection))
            }
        }
    }

    private func store(_ batches: [QueuedBatch]) {
        var pending = batches
        while !pending.isEmpty {
            let isAlone = pending.count == 1
            var blamed = false
            let stored = insist("storing batches") { transaction in
                do {
                    pending = try transaction.store(pending, self.decoder)
                } catch  where Self.blamesContent(error) {
                    self.logger.warning(
                        "rows were refused", metadata: ["error": "\(error)", "batches": "\(pending.count)"])
                    transaction.forget()
                    if isAlone { pending = try transaction.setAside(pending[0], "\(error)", self.decoder) }
                    blamed = true
                }
            }
            guard stored else { return }
            guard blamed, !isAlone else { continue }
            // One of them is to blame: each gets a transaction of its own.
            for batch in pending { store([batch]) }
            return
        }
    }

    /// Whether a batch's own content is to blame: bad data, a constraint, two rows of one key in a merge, or
    /// bytes that cannot be read after all.
    private static func blamesContent(_ error: any Error) -> Bool {
        guard let fault = error as? PostgreSQLError else { return error is BatchError }
        return fault.isDataFault || fault.code?.hasPrefix("21") == true
    }

    /// Does `body` again, on a new connection if need be, until it succeeds; gives up only when it is closed.
    @discardableResult
    private func insist(_ what: String, _ body: (WriterTransaction) throws -> Void) -> Bool {
        while true {
            do {
                try body(try connected())
                wait = Self.shortestWait
                return true
            } catch {
                let fault = error as? PostgreSQLError
                transaction?.forget()
                if fault?.isConnectionLost ?? true {
                    transaction = nil
                    connection = nil
                }
                let isQuiet = fault?.code?.hasPrefix("40") == true
                logger.log(
                    level: isQuiet ? .info : .error, "\(what) failed, trying again",
                    metadata: ["error": "\(error)", "wait_s": "\(wait)"])
                guard !mailbox.isClosed || isQuiet else {
                    logger.error("stopping although batches wait: their agents will send them again")
                    return false
                }
                mailbox.pause(seconds: wait)
                wait = min(wait * 2, Self.longestWait)
            }
        }
    }

    private func connected() throws -> WriterTransaction {
        if let transaction { return transaction }
        let connection = try Connection(settings.conninfo)
        try connection.execute("SET application_name = 'peerscope-aggregator'; SET synchronous_commit = on")
        try connection.execute("SET timezone = 'UTC'")
        try RollupFlush.prepare(connection)
        let made = WriterTransaction(connection, settings, logger)
        self.connection = connection
        transaction = made
        return made
    }
}
