internal import CLibpq
internal import Glibc

/// PostgreSQL's own shell on a database.
public enum PSQL {
    /// Runs `psql` with our terminal and waits for its end.
    ///
    /// The connection's parameters travel in the environment, so that no password shows in the list of
    /// processes. Schema `peerscope` is first in the search path, times are in UTC unless `$PGTZ` says otherwise.
    ///
    /// - Parameters:
    ///   - conninfo: the database.
    ///   - arguments: psql's, as they are.
    ///   - pager: whether long output may go through a pager.
    ///   - started: told psql's process id, for passing signals on.
    /// - Returns: psql's exit status; 128 + signal when a signal ended it.
    public static func run(
        _ conninfo: String, arguments: [String], pager: Bool, started: (Int32) -> Void = { _ in }
    ) throws(PostgreSQLError) -> Int32 {
        let operation = "running psql"
        var environment = try parameters(conninfo, operation)
        let ours = FileSystem.environment()
        let options = (environment["PGOPTIONS"] ?? nil) ?? ours["PGOPTIONS"]
        environment["PGOPTIONS"] = [options, "-c search_path=peerscope,public"].compactMap { $0 }
            .joined(separator: " ")
        if ours["PGTZ"] == nil { environment["PGTZ"] = "UTC" }
        if ours["PGAPPNAME"] == nil { environment["PGAPPNAME"] = "peerscope sql" }
        if !pager {
            environment["PAGER"] = ""
            environment["PSQL_PAGER"] = ""
        }
        do throws(PostgreSQLError) {
            let pid = try ChildProcess.spawn(
                [Binaries.psql()] + arguments, environment: environment, output: nil, operation: operation)
            started(pid)
            return ChildProcess.wait(for: pid)
        } catch {
            var fault = error
            fault.hint = fault.hint ?? "apt install postgresql-client"
            throw fault
        }
    }

    /// libpq's environment variables for a connection string.
    private static func parameters(
        _ conninfo: String, _ operation: String
    ) throws(PostgreSQLError) -> [String: String?] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = unsafe PQconninfoParse(conninfo, &message) else {
            let text = unsafe message.map { unsafe String(cString: $0) } ?? "out of memory"
            unsafe PQfreemem(message)
            // libpq's text may quote the string, and with it a password.
            let secret = DatabaseLocation.redacted(conninfo) != conninfo
            throw PostgreSQLError(
                message: secret ? "the connection string is not valid" : FileSystem.trimmed(text),
                operation: operation)
        }
        defer { unsafe PQconninfoFree(options) }
        var variables: [String: String?] = [:]
        var option = unsafe options
        // Proof: libpq ends the array with an entry whose keyword is null.
        while unsafe option.pointee.keyword != nil {
            if let variable = unsafe option.pointee.envvar, let value = unsafe option.pointee.val {
                unsafe variables[String(cString: variable)] = String(cString: value)
            }
            unsafe option += 1
        }
        return variables
    }
}
