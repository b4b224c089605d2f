/// Everything an agent is told by its file, its flags and its environment.
public struct AgentConfiguration: Sendable {
    /// One Bitcoin Core node on this host.
    public struct Node: Sendable, Equatable {
        /// The name of its stream, unique in the fleet: letters, digits, `.`, `_` and `-`.
        public var name: String
        /// Absolute path of its binary, as it is called inside its container if it has one.
        public var binary: String
        /// How its process is found.
        public var match: ProcessMatch

        /// A node.
        public init(name: String, binary: String, match: ProcessMatch) {
            self.name = name
            self.binary = binary
            self.match = match
        }
    }

    /// When spooled batches are forced to disk.
    public enum SyncPolicy: String, Sendable, CaseIterable {
        /// After each flush, before it may be sent.
        case always
        /// Every `spool.interval_ms`.
        case interval
        /// When the kernel sees fit.
        case never
    }

    /// The agent's name; it names the folder of pinned maps.
    public var agent = ""
    /// Host and port of the aggregator.
    public var aggregator = "127.0.0.1:9735"
    /// Keys and certificates; nil speaks plaintext, which is for an aggregator on this host.
    public var tls: TLSSettings?
    /// Whether an aggregator elsewhere may be spoken to in plaintext.
    public var isInsecure = false
    /// Folder of streams, leases and spools.
    public var state = "/var/lib/peerscope-agent"
    /// The streamer's user, to whom the attacher gives the maps; nil leaves them to root.
    public var user: String?
    /// Folder of the pinned maps.
    public var pinFolder = ""
    /// The nodes watched.
    public var nodes: [Node] = []
    /// What is captured.
    public var policy = CapturePolicy.standard
    /// Bytes all spools of this agent may take on disk.
    public var spoolBytes = 8 << 30
    /// See ``SyncPolicy``.
    public var spoolSync = SyncPolicy.interval
    /// Milliseconds between two forced writes.
    public var spoolInterval = 200
    /// Milliseconds between two batches of a node.
    public var batchInterval = 100

    /// Bytes of a segment of a spool: what goes at a time when the spools reach their bound, so a small part of it.
    var segmentBytes: Int { min(16 << 20, max(64 << 10, spoolBytes / (8 * max(1, nodes.count)))) }

    /// The defaults.
    public init() {}

    /// Fills what follows from other settings and refuses what cannot work.
    public mutating func complete() throws(AgentError) {
        let doing = "reading the configuration"
        if agent.isEmpty {
            agent =
                Files.text("/proc/sys/kernel/hostname")?.split(separator: "\n").first.map(String.init) ?? ""
        }
        guard Self.isName(agent) else {
            throw AgentError(
                doing: doing,
                reason: "agent name \"\(agent)\" has characters other than letters, digits, . _ -",
                remedy: "set `agent` to another name")
        }
        try tls?.check()
        if pinFolder.isEmpty { pinFolder = "/sys/fs/bpf/peerscope/\(agent)" }
        var seen: Set<String> = []
        for node in nodes {
            guard Self.isName(node.name) else {
                throw AgentError(
                    doing: doing,
                    reason: "node name \"\(node.name)\" is empty, longer than 64 or has other characters "
                        + "than letters, digits, . _ -", remedy: "rename it")
            }
            guard seen.insert(node.name).inserted else {
                throw AgentError(
                    doing: doing, reason: "node \(node.name) is there twice",
                    remedy: "give each node its own name")
            }
            guard node.binary.hasPrefix("/") else {
                throw AgentError(
                    doing: doing, reason: "the binary of node \(node.name) is no absolute path",
                    remedy: "write the full path, such as /usr/local/bin/bitcoind")
            }
        }
        for (index, node) in nodes.enumerated() where node.match == .any {
            if let other = nodes.enumerated().first(where: {
                $0.offset != index && $0.element.binary == node.binary
            }) {
                throw AgentError(
                    doing: doing,
                    reason: "node \(node.name) takes any process of \(node.binary), which node "
                        + "\(other.element.name) runs as well",
                    remedy: "tell them apart with datadir, pid_file or unit")
            }
        }
        for (name, value, range) in [
            ("spool.bytes", spoolBytes, (1 << 20)...Int.max),
            ("spool.interval_ms", spoolInterval, 1...60_000),
            ("batch_interval_ms", batchInterval, 10...10_000),
        ] where !range.contains(value) {
            throw AgentError(
                doing: doing, reason: "`\(name)` is \(value)",
                remedy: "choose a number from \(range.lowerBound) to \(range.upperBound)")
        }
        guard nodes.count <= 64 else {
            throw AgentError(
                doing: doing, reason: "\(nodes.count) nodes, where 64 are possible", remedy: "use two agents")
        }
    }

    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == 0x2e || byte == 0x5f || byte == 0x2d
            }
    }
}
