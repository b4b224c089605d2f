import Glibc
import Identity
import Tracepoints
import Yams

/// Reads an agent's YAML file.
///
/// A mistake is told with file, line and what was expected; an unknown key with the nearest known one.
public struct AgentConfigurationFile {
    private let path: String
    private static let keys = [
        "agent", "aggregator", "state", "user", "pins", "nodes", "policy", "snaplen", "spool",
        "batch_interval_ms", "tls", "tls_ca", "tls_certificate", "tls_key", "insecure",
    ]

    /// Applies the file at `path` to `configuration`.
    public static func apply(_ path: String, to configuration: inout AgentConfiguration) throws(AgentError) {
        guard let text = Files.text(path) else {
            throw AgentError(
                doing: "reading \(path)", reason: unsafe String(cString: strerror(errno)),
                remedy: "check the path given with --config, and that this user may read it")
        }
        let file = AgentConfigurationFile(path: path)
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch {
            throw AgentError(doing: "reading \(path)", reason: "\(error)", remedy: "correct the YAML")
        }
        guard let root else { return }
        try file.read(root, into: &configuration)
    }

    private func read(_ root: Node, into configuration: inout AgentConfiguration) throws(AgentError) {
        for (key, value) in try mapping(root, Self.keys) {
            switch key {
            case "agent": configuration.agent = try text(value)
            case "aggregator": configuration.aggregator = try text(value)
            case "state": configuration.state = try text(value)
            case "user": configuration.user = try text(value)
            case "pins": configuration.pinFolder = try text(value)
            case "tls": try tls(value, &configuration)
            case "tls_ca", "tls_certificate", "tls_key":
                let file = beside(try text(value))
                var settings = configuration.tls ?? TLSSettings()
                settings.set(
                    authority: key == "tls_ca" ? file : nil,
                    certificate: key == "tls_certificate" ? file : nil,
                    key: key == "tls_key" ? file : nil)
                configuration.tls = settings
            case "insecure":
                guard let flag = Bool(try text(value)) else {
                    throw wrong(value, "`insecure` is true or false")
                }
                configuration.isInsecure = flag
            case "batch_interval_ms": configuration.batchInterval = try integer(value, 10...10_000)
            case "nodes": configuration.nodes = try nodes(value)
            case "policy": try policy(value, &configuration.policy)
            case "snaplen": try snaplens(value, &configuration.policy)
            default: try spool(value, &configuration)
            }
        }
    }

    /// Keys and certificates in the file itself, as `enroll` prints them; then the file is as secret as the key.
    private func tls(_ node: Node, _ configuration: inout AgentConfiguration) throws(AgentError) {
        var settings = configuration.tls ?? TLSSettings()
        for (key, value) in try mapping(node, ["ca", "certificate", "key"]) {
            let pem = TLSSettings.Place.text(try text(value))
            switch key {
            case "ca": settings.authority = pem
            case "certificate": settings.certificate = pem
            default:
                settings.key = pem
                do { _ = try IdentityFile.read(path, .secret) } catch { throw AgentError(error) }
            }
        }
        configuration.tls = settings
    }

    /// A path as it is meant in this file: relative to its folder.
    private func beside(_ file: String) -> String {
        guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
        return path[...slash] + file
    }

    private func nodes(_ list: Node) throws(AgentError) -> [AgentConfiguration.Node] {
        guard case .sequence(let entries) = list else { throw wrong(list, "`nodes` is a list") }
        var nodes: [AgentConfiguration.Node] = []
        for entry in entries {
            var node = AgentConfiguration.Node(name: "", binary: "", match: .any)
            for (key, value) in try mapping(entry, ["name", "binary", "datadir", "pid_file", "unit"]) {
                switch key {
                case "name": node.name = try text(value)
                case "binary": node.binary = try text(value)
                case "datadir": node.match = .datadir(try text(value))
                case "pid_file": node.match = .pidFile(try text(value))
                default: node.match = .unit(try text(value))
                }
            }
            guard !node.name.isEmpty, !node.binary.isEmpty else {
                throw wrong(entry, "a node has a `name` and a `binary`")
            }
            nodes.append(node)
        }
        return nodes
    }

    private func policy(_ node: Node, _ policy: inout CapturePolicy) throws(AgentError) {
        if case .scalar = node {
            guard try text(node) == "full" else {
                throw wrong(node, "`policy` is `full` or a list of tracepoints")
            }
            policy = .everything
            return
        }
        for (key, value) in try mapping(node, Tracepoint.allCases.map(\.name)) {
            guard let tracepoint = Tracepoint(name: key), let mode = CapturePolicy.Mode(name: try text(value))
            else {
                throw wrong(value, "a policy is `full`, `count` or `off`")
            }
            policy.modes[tracepoint] = mode
        }
    }

    private func snaplens(_ node: Node, _ policy: inout CapturePolicy) throws(AgentError) {
        let largest = Int(CapturePolicy.largestSnaplen)
        for (key, value) in try mapping(node, ["default", "inbound", "outbound"]) {
            if key == "default" {
                policy.snaplen = UInt32(try integer(value, 0...largest))
                continue
            }
            for (type, bytes) in try mapping(value, nil) {
                policy.snaplens[CapturePolicy.MessageKind(inbound: key == "inbound", type: type)] =
                    UInt32(try integer(bytes, 0...largest))
            }
        }
    }

    private func spool(_ node: Node, _ configuration: inout AgentConfiguration) throws(AgentError) {
        for (key, value) in try mapping(node, ["bytes", "fsync", "interval_ms"]) {
            switch key {
            case "bytes": configuration.spoolBytes = try integer(value, (1 << 20)...Int.max)
            case "interval_ms": configuration.spoolInterval = try integer(value, 1...60_000)
            default:
                guard let policy = AgentConfiguration.SyncPolicy(rawValue: try text(value)) else {
                    throw wrong(value, "`fsync` is `always`, `interval` or `never`")
                }
                configuration.spoolSync = policy
            }
        }
    }

    // MARK: YAML

    private func mapping(_ node: Node, _ known: [String]?) throws(AgentError) -> [(String, Node)] {
        guard case .mapping(let pairs) = node else { throw wrong(node, "keys with values are expected here") }
        var result: [(String, Node)] = []
        for (key, value) in pairs {
            guard let name = key.string else { throw wrong(key, "a key is text") }
            if let known, !known.contains(name) {
                let nearest = known.min { Self.distance(name, $0) < Self.distance(name, $1) } ?? ""
                throw wrong(key, "unknown key `\(name)`; did you mean `\(nearest)`?")
            }
            result.append((name, value))
        }
        return result
    }

    private func text(_ node: Node) throws(AgentError) -> String {
        guard case .scalar(let scalar) = node else { throw wrong(node, "text is expected here") }
        return scalar.string
    }

    private func integer(_ node: Node, _ range: ClosedRange<Int>) throws(AgentError) -> Int {
        guard let number = Int(try text(node)), range.contains(number) else {
            throw wrong(node, "a number from \(range.lowerBound) to \(range.upperBound) is expected here")
        }
        return number
    }

    private func wrong(_ node: Node, _ what: String) -> AgentError {
        let place = node.mark.map { "\(path):\($0.line)" } ?? path
        return AgentError(doing: "reading \(place)", reason: what, remedy: "correct that line")
    }

    /// Edits that turn one word into the other (Levenshtein).
    static func distance(_ one: String, _ other: String) -> Int {
        let target = Array(other)
        var row = Array(0...target.count)
        for (index, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in target.indices {
                let cost = letter == target[column] ? diagonal : diagonal + 1
                diagonal = row[column + 1]
                row[column + 1] = min(cost, row[column] + 1, diagonal + 1)
            }
        }
        return row[target.count]
    }
}
