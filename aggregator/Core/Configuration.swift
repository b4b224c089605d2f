internal import Foundation
internal import Identity
internal import PostgreSQL
internal import Yams

/// An aggregator's settings as people write them: a YAML file, flags, and `PEERSCOPE_…` variables.
///
/// A flag wins over a variable, a variable over the file.
public struct AggregatorConfiguration: Sendable, Equatable {
    /// Every setting, by its key in the file; the flag is `--key` with dashes, the variable `PEERSCOPE_KEY`.
    public enum Key: String, CaseIterable, Sendable {
        /// `embedded:DIR` or `postgres://…`.
        case database
        /// `address:port`.
        case listen
        /// `host:port` where agents are told to connect.
        case advertise
        /// `never`, `loopback` or `anywhere`.
        case plaintext
        /// Connections in all.
        case maxConnections = "max_connections"
        /// Connections from one address.
        case maxConnectionsPerSource = "max_connections_per_source"
        /// Threads that write.
        case writers
        /// `all` or `study`.
        case payloads
        /// Folder of the aggregator's own files.
        case dataDir = "data_dir"
        /// Address entries beyond Core's token bucket that are kept, per node and day.
        case addrBudget = "addr_budget"
        /// The fewest seconds between two digests; 0 leaves them and retention to other aggregators.
        case digestInterval = "digest_interval"
        /// `trace` to `critical`.
        case logLevel = "log_level"
        /// Folder of `migrations/` and `views/`.
        case schema

        /// The environment's name for it.
        public var variable: String { "PEERSCOPE_" + rawValue.uppercased() }
    }

    private var values: [Key: (text: String, source: String)] = [:]

    /// Nothing set.
    public init() {}

    /// The value of a setting, if anybody gave one.
    public subscript(key: Key) -> String? { values[key]?.text }

    /// Sets what `source` says, over what was set before.
    public mutating func set(_ key: Key, _ text: String?, source: String) {
        if let text, !text.isEmpty { values[key] = (text, source) }
    }

    /// Takes in the variables of `environment`.
    public mutating func merge(environment: [String: String]) {
        for key in Key.allCases { set(key, environment[key.variable], source: "$" + key.variable) }
    }

    /// Takes in the YAML file at `path`.
    public mutating func merge(file path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw AggregatorError("\(path) cannot be read", hint: "does it exist, and may this user read it?")
        }
        try merge(yaml: text, name: path)
        guard let database = values[.database], database.source.hasPrefix(path + ":"),
            DatabaseLocation.carriesPassword(database.text), let lax = IdentityFile.laxness(of: path)
        else { return }
        throw AggregatorError(
            "\(database.source): the database's password is here, and \(lax)",
            hint: "chmod 600 \(path); if others have read it, give the role another password")
    }

    /// Takes in YAML text, called `name` in errors.
    public mutating func merge(yaml: String, name: String) throws {
        let root: Node?
        do { root = try compose(yaml: yaml) } catch {
            throw AggregatorError("\(name): \(error)", hint: "one `key: value` a line")
        }
        guard let root else { return }
        guard let mapping = root.mapping else {
            throw AggregatorError(
                "\(name): expected `key: value` lines", hint: "see peerscope-aggregator run --help")
        }
        for (node, value) in mapping {
            let place = "\(name):\(node.mark?.line ?? 1)"
            let text = node.string ?? ""
            guard let key = Key(rawValue: text) else {
                let near = Self.nearest(text).map { "did you mean `\($0)`?" }
                throw AggregatorError(
                    "\(place): unknown key `\(text)`",
                    hint: near ?? "known keys: \(Key.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            guard let scalar = value.scalar?.string else {
                throw AggregatorError("\(place): `\(text)` wants a single value")
            }
            set(key, scalar, source: place)
        }
    }

    /// The value of `key` as `read` understands it, else an error that says where it was set.
    func value<Value>(_ key: Key, default fallback: Value, _ expected: String, _ read: (String) -> Value?)
        throws
        -> Value
    {
        guard let given = values[key] else { return fallback }
        guard let value = read(given.text) else {
            throw AggregatorError(
                "\(given.source): `\(key.rawValue)` is \(expected), not `\(given.text)`",
                isUsage: given.source.hasPrefix("--"))
        }
        return value
    }

    /// The known key that is the fewest edits away, if it is near enough to be meant.
    static func nearest(_ text: String) -> String? {
        let ranked = Key.allCases.map { (key: $0.rawValue, distance: distance(text, $0.rawValue)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }),
            best.distance <= max(2, best.key.count / 2)
        else { return nil }
        return best.key
    }

    /// Levenshtein's distance.
    private static func distance(_ one: String, _ other: String) -> Int {
        let other = Array(other)
        var row = Array(0...other.count)
        for (index, character) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let replaced = diagonal + (character == other[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }

    /// Whether both hold the same values, wherever they came from.
    public static func == (one: AggregatorConfiguration, other: AggregatorConfiguration) -> Bool {
        one.values.mapValues(\.text) == other.values.mapValues(\.text)
    }
}

extension AggregatorConfiguration {
    /// The settings of an aggregator that uses the database at `conninfo`.
    public func settings(conninfo: String, dataDirectory fallback: String) throws -> Aggregator.Settings {
        var settings = Aggregator.Settings(conninfo: conninfo, dataDirectory: self[.dataDir] ?? fallback)
        let listen = try value(
            .listen, default: ("127.0.0.1", 9735), "an address and a port, such as 127.0.0.1:9735"
        ) {
            Self.endpoint($0)
        }
        (settings.host, settings.port) = listen
        if self[.advertise] != nil {
            settings.advertise = try value(
                .advertise, default: "", "a name or address and a port, such as collector.example:9735"
            ) { text in Self.endpoint(text).flatMap { $0.1 > 0 && !text.hasPrefix(":") ? text : nil } }
        }
        settings.plaintext = try value(.plaintext, default: .loopback, "`never`, `loopback` or `anywhere`") {
            PlaintextRule(rawValue: $0)
        }
        settings.limits.total = try value(.maxConnections, default: 1024, "a number from 1 to 100000") {
            text in
            Int(text).flatMap { (1...100_000).contains($0) ? $0 : nil }
        }
        settings.limits.perSource = try value(
            .maxConnectionsPerSource, default: min(256, settings.limits.total), "a number from 1 to 100000"
        ) { text in Int(text).flatMap { (1...100_000).contains($0) ? $0 : nil } }
        settings.writers = try value(.writers, default: 2, "a number from 1 to 64") { text in
            Int(text).flatMap { (1...64).contains($0) ? $0 : nil }
        }
        settings.payloads = try value(.payloads, default: .study, "`all` or `study`") {
            PayloadPolicy(rawValue: $0)
        }
        settings.addressBudget = try value(.addrBudget, default: 100_000, "a number of entries") { text in
            Int64(text).flatMap { $0 >= 0 ? $0 : nil }
        }
        settings.digestSeconds = try value(.digestInterval, default: 10, "a number of seconds") { text in
            Double(text).flatMap { (0...86_400).contains($0) ? $0 : nil }
        }
        if settings.digestSeconds == 0 { settings.digestSeconds = nil }
        return settings
    }

    /// The folder of the aggregator's own files, without opening the database: for commands that work beside an
    /// aggregator that runs.
    public var dataDirectory: String {
        if let named = self[.dataDir] { return named }
        if let text = self[.database], case .embedded(let directory)? = try? DatabaseLocation(text) {
            return directory + "/aggregator"
        }
        return Self.usualDataDirectory
    }

    /// Where an aggregator with a database of somebody else's keeps its files.
    public static let usualDataDirectory = "/var/lib/peerscope-aggregator"

    /// `host:port`, `[v6]:port` or `:port`.
    static func endpoint(_ text: String) -> (String, Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return (host.isEmpty ? "0.0.0.0" : host, port)
    }
}
