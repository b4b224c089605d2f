/// Where the database is, as `--database` and `$PEERSCOPE_DATABASE` say it.
public enum DatabaseLocation: Sendable, Equatable, CustomStringConvertible {
    /// A private server under a directory: `embedded:DIR`.
    case embedded(directory: String)
    /// Any server: a `postgres://` URI or libpq's keyword string, passed to libpq as it is.
    case server(conninfo: String)

    /// The variable that names the database when the command line does not.
    public static let variable = "PEERSCOPE_DATABASE"

    /// Reads a location.
    ///
    /// - Parameter text: `embedded:DIR`, `postgres://…`, `postgresql://…`, or `key=value …`.
    public init(_ text: String) throws(PostgreSQLError) {
        let scheme = "embedded:"
        if text.hasPrefix(scheme) {
            let directory = String(text.dropFirst(scheme.count))
            guard !directory.isEmpty else { throw Self.refusal(text, "embedded: names no directory") }
            self = .embedded(directory: directory)
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            self = .server(conninfo: text)
        } else if Self.keywords(text) != nil {
            self = .server(conninfo: text)
        } else {
            throw Self.refusal(text, "this is no database location")
        }
    }

    /// The location from a command line's `argument`, else from the environment; `nil` when neither says one.
    public static func from(
        argument: String?, environment: [String: String]
    ) throws(PostgreSQLError) -> DatabaseLocation? {
        guard let text = argument ?? environment[variable], !text.isEmpty else { return nil }
        return try DatabaseLocation(text)
    }

    private static func refusal(_ text: String, _ message: String) -> PostgreSQLError {
        PostgreSQLError(
            message: message,
            hint: "write embedded:DIR, postgres://user@host/database, or host=… dbname=…",
            operation: "reading the database location '\(redacted(text))'")
    }

    /// The location, without its password.
    public var description: String {
        switch self {
        case .embedded(let directory): "embedded:\(directory)"
        case .server(let conninfo): Self.redacted(conninfo)
        }
    }

    /// `conninfo` with every secret replaced by `***`.
    public static func redacted(_ conninfo: String) -> String {
        if let scheme = conninfo.firstRange(of: "://"), !conninfo[..<scheme.lowerBound].contains("=") {
            return redactedURI(conninfo, after: scheme.upperBound)
        }
        guard let pairs = keywords(conninfo) else {
            // Nobody knows what this is: show it only when no secret can be in it.
            let plain = !conninfo.contains("password") && !conninfo.contains("@") && !conninfo.contains("=")
            return plain ? conninfo : "***"
        }
        return pairs.map { secrets.contains($0.key) ? "\($0.key)=***" : "\($0.key)=\(quoted($0.value))" }
            .joined(separator: " ")
    }

    /// Whether a password can be read in `conninfo`.
    public static func carriesPassword(_ conninfo: String) -> Bool {
        if let pairs = keywords(conninfo) {
            return pairs.contains { $0.key == "password" || $0.key == "sslpassword" }
        }
        return redacted(conninfo).contains("***")
    }

    private static let secrets: Set<String> = ["password", "sslpassword", "passfile"]

    private static func redactedURI(_ uri: String, after start: String.Index) -> String {
        let rest = uri[start...]
        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var authority = String(rest[..<authorityEnd])
        // A password may hold an @ that nobody encoded: the last one ends it.
        if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
            authority = authority[..<colon] + ":***" + authority[at...]
        }
        var tail = String(rest[authorityEnd...])
        if let question = tail.firstIndex(of: "?") {
            let pairs = tail[tail.index(after: question)...].split(separator: "&").map { pair -> String in
                let key = pair.prefix { $0 != "=" }
                return secrets.contains(key.lowercased()) ? "\(key)=***" : String(pair)
            }
            tail = tail[...question] + pairs.joined(separator: "&")
        }
        // A slash or question mark inside an unencoded password would have ended the authority too early.
        if !authority.contains("***"), tail.contains("@") { return String(uri[..<start]) + "***" }
        return uri[..<start] + authority + tail
    }

    private static func quoted(_ value: String) -> String {
        guard value.isEmpty || value.contains(where: { $0.isWhitespace || $0 == "'" || $0 == "\\" }) else {
            return value
        }
        return "'" + value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] } + "'"
    }

    /// libpq's `key = value` pairs, with quotes and backslashes as its manual has them; `nil` if it is not that.
    static func keywords(_ text: String) -> [(key: String, value: String)]? {
        var pairs: [(key: String, value: String)] = []
        var rest = text.drop(while: \.isWhitespace)
        while !rest.isEmpty {
            let key = String(rest.prefix { $0.isLetter || $0 == "_" })
            rest = rest.dropFirst(key.count).drop(while: \.isWhitespace)
            guard !key.isEmpty, rest.first == "=" else { return nil }
            rest = rest.dropFirst().drop(while: \.isWhitespace)
            var value = ""
            let quoted = rest.first == "'"
            if quoted { rest = rest.dropFirst() }
            var closed = !quoted
            while let character = rest.first {
                if quoted ? character == "'" : character.isWhitespace {
                    if quoted { rest = rest.dropFirst() }
                    closed = true
                    break
                }
                rest = rest.dropFirst()
                if character == "\\", let next = rest.first {
                    value.append(next)
                    rest = rest.dropFirst()
                } else {
                    value.append(character)
                }
            }
            guard closed else { return nil }
            pairs.append((key, value))
            rest = rest.drop(while: \.isWhitespace)
        }
        return pairs.isEmpty ? nil : pairs
    }
}

/// A database that can be connected to; holds the embedded server while it is needed.
public struct OpenDatabase: Sendable {
    /// What to pass to ``Connection/init(_:)``.
    public let conninfo: String
    /// The private server, when the location is embedded.
    public let server: EmbeddedServer?

    /// Connects.
    public func connect() throws(PostgreSQLError) -> Connection { try Connection(conninfo) }
    /// Lets go of the private server; see ``EmbeddedServer/stop()``.
    public func close() throws(PostgreSQLError) { try server?.stop() }
}

extension DatabaseLocation {
    /// Starts the private server if the location is embedded and it is down; does nothing for others.
    public func open(
        lifetime: EmbeddedServer.Lifetime = .owner, makesMissing: Bool = true,
        report: (String) -> Void = { _ in }
    ) throws(PostgreSQLError) -> OpenDatabase {
        switch self {
        case .server(let conninfo):
            return OpenDatabase(conninfo: conninfo, server: nil)
        case .embedded(let directory):
            let server = try EmbeddedServer.start(
                directory: directory, lifetime: lifetime, makesMissing: makesMissing, report: report)
            return OpenDatabase(conninfo: server.conninfo, server: server)
        }
    }
}
