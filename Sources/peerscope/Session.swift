import ArgumentParser
import Glibc
import PostgreSQL
import Synchronization

/// What to do when a signal asks this program to end: the embedded server must not be left running.
enum Interruption {
    /// The server to let go of, and the child that gets the signals instead of us.
    private struct State {
        var database: OpenDatabase?
        var child: Int32?
        var isOpening = false
        var isEnding = false
        /// A signal that came while the database was being opened.
        var pending: Int32?

        /// Not inlined: Swift 6.3.1 with -O makes a constant of this value inside a static Mutex, in which `pending`
        /// is 0 and not nil.
        @inline(never)
        init() {}
    }
    private static let state = Mutex(State())
    /// What to undo before the end. A lock of its own, so that what must not be divided can hold it.
    private static let undoing = Mutex<(@Sendable () -> Void)?>(nil)

    /// Takes SIGINT, SIGTERM and SIGHUP to a thread of their own. Call before any other thread exists.
    static func watch() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        // A reader that goes away (head, less) must not end us before the server is stopped.
        signal(SIGPIPE, SIG_IGN)
        var thread = pthread_t()
        unsafe pthread_create(
            &thread, nil,
            { _ in
                Interruption.wait()
                return nil
            }, nil)
    }

    /// Opens a database that has to be let go of. A signal waits until that is done, since a server half
    /// started cannot be stopped; a second one does not wait.
    static func opening(_ open: () throws -> OpenDatabase) throws -> OpenDatabase {
        state.withLock { $0.isOpening = true }
        defer { state.withLock { $0.isOpening = false } }
        let database = try open()
        let pending = state.withLock { state in
            state.database = database
            state.isOpening = false
            return state.pending
        }
        if let pending { end(database, pending) }
        return database
    }
    /// The database was let go of.
    static func holdsNothing() { state.withLock { $0.database = nil } }
    /// What a signal has to undo from now on, in place of what it had to before.
    static func cleansUp(_ cleanUp: (@Sendable () -> Void)?) { undoing.withLock { $0 = cleanUp } }
    /// Calls `body` with no signal coming between, and forgets what there was to undo. `body` is short.
    static func undivided(_ body: () throws -> Void) rethrows {
        try undoing.withLock { cleanUp in
            try body()
            cleanUp = nil
        }
    }
    /// Waits for the end if a signal has begun it: the error at hand is then only its consequence.
    static func standsStillIfEnding() {
        guard state.withLock({ $0.isEnding }) else { return }
        while true { pause() }
    }
    /// The child that shares our terminal.
    static func has(child: Int32?) { state.withLock { $0.child = child } }

    private static func wait() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
        while true {
            var number: Int32 = 0
            guard unsafe sigwait(&signals, &number) == 0 else { continue }
            let (now, waits) = state.withLock { state in
                let waits = state.isOpening && state.pending == nil
                state.pending = number
                return (state, waits)
            }
            if waits { continue }
            if let child = now.child {
                // The terminal sends SIGINT to the child by itself.
                if number != SIGINT { kill(child, number) }
                continue
            }
            end(now.database, number)
        }
    }

    private static func end(_ database: OpenDatabase?, _ signal: Int32) -> Never {
        state.withLock { $0.isEnding = true }
        undoing.withLock { $0 }?()
        try? database?.close()
        _exit(128 + signal)
    }
}

/// Opens the database, calls `body`, lets go of the database, and turns errors into messages and exit status.
func withDatabase<Result>(_ option: DatabaseOption, _ body: (OpenDatabase) throws -> Result) throws -> Result
{
    let location = try option.location()
    Interruption.watch()
    do {
        let database = try Interruption.opening {
            try location.open(lifetime: .asFound, makesMissing: false)
        }
        defer {
            do { try database.close() } catch { complain("\(error)") }
            Interruption.holdsNothing()
        }
        return try body(database)
    } catch {
        Interruption.standsStillIfEnding()
        guard error is PostgreSQLError || error is ExportError else { throw error }
        complain("\(error)")
        throw ExitCode(1)
    }
}

/// Asks the database and prints what `body` makes of it, after the database was let go of.
func ask(_ options: AskingOptions, _ body: (Connection) throws -> Answer) throws {
    let answer = try withDatabase(options.database) { database in
        let connection = try database.connect()
        try prepare(connection)
        do {
            return try body(connection)
        } catch let error as PostgreSQLError where ["42P01", "42703", "42883"].contains(error.code) {
            // A relation, column or function that another version of the schema has.
            var fault = error
            fault.hint = "the database's schema is not this program's: run `peerscope-aggregator migrate`"
            throw fault
        }
    }
    printOut(answer.text(options.format))
    if let remark = answer.remark, options.format != .table { complain(remark) }
    if answer.failed { throw ExitCode(1) }
}

/// Sets how values are written and where names are looked up.
func prepare(_ connection: Connection) throws {
    try connection.execute(
        "SET timezone = 'UTC'; SET extra_float_digits = 1; SET search_path = peerscope, public")
    try requireSchema(connection)
}

/// An error for a database that nobody migrated yet.
private func requireSchema(_ connection: Connection) throws {
    guard try connection.execute("SELECT to_regclass('peerscope.node')").scalar == nil else { return }
    throw PostgreSQLError(
        message: "this database has no Peerscope schema yet",
        hint: "start `peerscope-aggregator run`, or run `peerscope-aggregator migrate`",
        operation: "looking for schema peerscope")
}

/// Why a question has no rows: nothing stored at all, or nothing that fits.
func reasonForNoRows(_ connection: Connection, _ nothing: String) throws -> String {
    let nodes = try connection.execute("SELECT count(*) FROM node").scalar ?? "0"
    guard nodes != "0" else {
        return "Nothing stored yet: no agent has connected to the aggregator. Is the agent running?"
    }
    let last = try connection.execute("SELECT max(last_event_at) FROM stream").scalar
    guard let last else {
        return "\(nodes) nodes are known, but no event is stored yet. Are their probes attached? "
            + "See `peerscope nodes`."
    }
    return "\(nothing) (\(nodes) nodes, last event \(Cell.time(last, fraction: 0)) UTC.)"
}

/// Writes to standard output; a reader that went away is no error.
func printOut(_ text: String) { _ = writeWhole([UInt8](text.utf8), to: 1) }

/// Writes a line to standard error.
func complain(_ text: String) { say("peerscope: \(text)\n") }

/// Writes to standard error.
func say(_ text: String) { _ = writeWhole([UInt8](text.utf8), to: 2) }
