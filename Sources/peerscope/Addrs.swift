import ArgumentParser
import PostgreSQL

/// `peerscope addrs`: how an address travelled through the fleet.
struct Addrs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Addresses: which node saw one first, and when the others did (view addr_propagation).",
        discussion: """
            An episode is the first gossip of an address after 24 hours of silence. DELAY counts from the first node; \
            AGE is how old the announcement's own time was when the node got it.
            """)

    @OptionGroup var options: AskingOptions
    @Option(help: "Only this address (IP, onion, i2p), with or without :port.")
    var addr: String?
    @Option(help: "Only episodes since then: 90s, 15min, 2h, 7d ago, or a time in UTC.")
    var since: String?
    @Option(help: "Newest episodes to show.")
    var limit = 10
    @Option(help: "Only episodes that so many nodes saw (default: 2, with --addr 1).")
    var minNodes: Int?

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be above 0") }
        if let minNodes, minNodes < 1 { throw ValidationError("--min-nodes must be above 0") }
        if let since, since.isEmpty { throw ValidationError("--since is empty") }
    }

    func run() throws {
        try ask(options) { connection in
            let (address, port) = Self.split(addr)
            let start = try since.flatMap { try Instant.read($0, option: "--since", connection) }
            let episodes = try connection.query(
                """
                SELECT network, addr, port, episode_at FROM addr_propagation
                WHERE ($1::text IS NULL OR addr = $1) AND ($2::int IS NULL OR port = $2::int)
                  AND ($3::timestamptz IS NULL OR episode_at >= $3::timestamptz)
                GROUP BY network, addr, port, episode_at
                HAVING count(DISTINCT node) >= $4::int
                ORDER BY episode_at DESC, network, addr, port
                LIMIT $5::int
                """,
                [address, port, start, String(minNodes ?? (addr == nil ? 2 : 1)), String(limit)])
            // The addresses are constants here, so that the view computes no others.
            let rows = try connection.query(
                """
                SELECT * FROM addr_propagation
                WHERE addr = ANY ($2::text[]) AND (network, addr, port, episode_at) IN (
                    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[]))
                ORDER BY episode_at DESC, network, addr, port, delay_s, first_seen, node
                """, (0..<4).map { column in Connection.array(episodes.rows.map { $0[column] }) })
            let nothing = try rows.rows.isEmpty ? reasonForNoRows(connection, whyNot) : nil
            return Answer([Section("addrs", rows, Self.columns)], remark: nothing)
        }
    }

    private var whyNot: String {
        if addr != nil { return "No node saw this address gossiped." }
        let nodes = minNodes ?? 2
        return nodes > 1
            ? "No address was seen by \(nodes) nodes\(since == nil ? "" : " since then"): try --min-nodes 1."
            : "No address was gossiped\(since == nil ? " yet" : " since then")."
    }

    /// An address and its port, if it has one.
    static func split(_ text: String?) -> (address: String?, port: String?) {
        guard let text else { return (nil, nil) }
        if text.hasPrefix("["), let end = text.lastIndex(of: "]") {
            let address = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            return (String(address), rest.hasPrefix(":") ? String(rest.dropFirst()) : nil)
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        // More than one colon: an IPv6 address.
        guard parts.count == 2, UInt16(parts[1]) != nil else { return (text, nil) }
        return (String(parts[0]), String(parts[1]))
    }

    private static func repeats(_ row: Row) -> Bool {
        guard row.number > 0 else { return false }
        return ["network", "addr", "port", "episode_at"].allSatisfy {
            row[$0] == row.result.value($0, row: row.number - 1)
        }
    }

    private static let columns: [Column] = [
        .left("ADDRESS", shrinks: true) { row in
            repeats(row) ? "" : Cell.endpoint(row["addr"], row["port"])
        },
        .left("NETWORK") { repeats($0) ? "" : $0["network"] ?? Cell.none },
        .left("NEW") { repeats($0) ? "" : $0.isTrue("novel") ? "yes" : "no" },
        .left("NODE", shrinks: true) { $0["node"] ?? Cell.none },
        .left("FIRST SEEN (UTC)") { Cell.time($0["first_seen"], fraction: 3) },
        .right("DELAY s") { Cell.number($0.number("delay_s"), decimals: 3) },
        .right("± s") { Cell.number($0.number("error_s"), decimals: 4) },
        .right("AGE s") { Cell.sensible($0.number("freshness_s")) },
        .right("FROM PEER") { $0["from_peer"] ?? Cell.none },
        .right("COPIES") { $0["copies"] ?? Cell.none },
    ]
}
