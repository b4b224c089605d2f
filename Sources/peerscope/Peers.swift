import ArgumentParser
import PostgreSQL

/// `peerscope peers`: what the connections of the fleet look like together.
struct Peers: ParsableCommand {
    /// The parts of the answer.
    enum Subject: String, ExpressibleByArgument, CaseIterable {
        case eclipse, spies, value
    }

    static let configuration = CommandConfiguration(
        abstract: "Peers: could a node be cut off, who only listens everywhere, and who is worth having.",
        discussion: """
            eclipse: how concentrated a node's peers and address tables are, in its newest hour (view \
            eclipse_indicators). GROUPS: as many network groups of equal size would be as diverse; TOP: the largest \
            one's share; SOURCE: that of the largest group of those who told of addresses; FILLED: slots of the address \
            tables known to be; REPLACED: outbound peers lost that had lasted ten minutes; EVICTED: per inbound \
            session; BEHIND: the most the tip was behind the fleet's.
            spies: groups connected to three nodes or more that take announcements and give nothing (view \
            spy_candidates). They are candidates, not culprits.
            value: peers by the blocks and transactions they told a node first, in all and per megabyte (view \
            peer_value).
            CSV holds the first part asked for; JSON everything.
            """)

    @OptionGroup var options: AskingOptions
    @Option(
        help: ArgumentHelp(
            "eclipse, spies or value; may be repeated (default: all three).", valueName: "part"))
    var about: [Subject] = []
    @Option(help: "eclipse: only this node.")
    var node: String?
    @Option(
        help: "eclipse: every hour since then, not only the newest: 90s, 15min, 2h, 7d ago, or a time in UTC."
    )
    var since: String?
    @Option(help: "spies, value: rows to show, the foremost.")
    var limit = 10

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be above 0") }
        if let since, since.isEmpty { throw ValidationError("--since is empty") }
        if node != nil || since != nil, !about.isEmpty, !about.contains(.eclipse) {
            throw ValidationError("--node and --since select indicators: they need --about eclipse")
        }
    }

    func run() throws { try ask(options, answer) }

    /// What the database says to it.
    func answer(_ connection: Connection) throws -> Answer {
        // Options that select indicators ask about them.
        let subjects = about.isEmpty ? (node != nil || since != nil ? [.eclipse] : Subject.allCases) : about
        let sections = try subjects.map { subject in
            switch subject {
            case .eclipse: try eclipse(connection)
            case .spies: try spies(connection)
            case .value: try value(connection)
            }
        }
        guard sections.allSatisfy(\.result.rows.isEmpty) else { return Answer(sections) }
        let nothing = sections.map(\.nothing).joined(separator: " ")
        return Answer(
            sections.map { Section($0.key, $0.result, $0.columns) },
            remark: try reasonForNoRows(connection, nothing))
    }

    // MARK: - Parts

    private func eclipse(_ connection: Connection) throws -> Section {
        let start = try since.flatMap { try Instant.read($0, option: "--since", connection) }
        if let node { try requireNode(node, connection) }
        // The newest hours of data, however old they are; a node without any that day has none to show.
        let rows = try connection.query(
            """
            SELECT \(since == nil ? "DISTINCT ON (node, population) *" : "*") FROM eclipse_indicators
            WHERE hour >= coalesce($1::timestamptz, (SELECT max(hour) FROM eclipse_indicators) - interval '1 day')
              AND ($2::text IS NULL OR node = $2)
              -- Only patched nodes tell of their address tables. A node without peers is another matter.
              AND (population <> 'addrman' OR netgroup_hhi IS NOT NULL)
            ORDER BY node, \(since == nil ? "population, hour DESC" : "hour DESC, population")
            """, [start, node])
        return Section(
            "eclipse", title: "How easily each node could be cut off", rows,
            nothing: "No node was captured in an hour\(since == nil ? " yet" : " since then").",
            Self.eclipseColumns)
    }

    private func spies(_ connection: Connection) throws -> Section {
        let rows = try connection.query(
            "SELECT * FROM spy_candidates ORDER BY score DESC, nodes DESC, \"group\" LIMIT $1::int",
            [String(limit)])
        return Section(
            "spies", title: "Groups that listen at many nodes: candidates, not culprits", rows,
            nothing: "No group was connected to three nodes or more.", Self.spyColumns)
    }

    private func value(_ connection: Connection) throws -> Section {
        let rows = try connection.query(
            """
            SELECT * FROM peer_value WHERE first_blocks > 0 OR first_transactions > 0
            ORDER BY first_blocks DESC, first_transactions DESC, peer, agent LIMIT $1::int
            """, [String(limit)])
        return Section(
            "value", title: "Peers that brought blocks and transactions first", rows,
            nothing: "No peer brought a block or a transaction first.", Self.valueColumns)
    }

    private func requireNode(_ name: String, _ connection: Connection) throws {
        let names = try connection.execute("SELECT name FROM node").rows.compactMap { $0[0] }
        guard !names.contains(name), !names.isEmpty else { return }
        let near = SimilarName.nearest(name, in: names).map { ": did you mean \($0)?" } ?? "."
        throw ValidationError(
            "--node: there is no node '\(Cell.safe(name))'\(near) `peerscope nodes` shows all.")
    }

    // MARK: - Columns

    private static func percent(_ share: Double?) -> String {
        share.map { Cell.number($0 * 100, decimals: 1) } ?? Cell.none
    }

    private static let eclipseColumns: [Column] = [
        .left("NODE", shrinks: true) { $0["node"] ?? Cell.none },
        .left("HOUR (UTC)") { String(Cell.time($0["hour"], fraction: 0).prefix(16)) },
        .left("OF") { $0["population"] ?? Cell.none },
        .right("PEERS") { Cell.sensible($0.number("members")) },
        .right("GROUPS") { Cell.sensible($0.number("effective_groups")) },
        .right("TOP %") { percent($0.number("top_group_share")) },
        .left("TOP GROUP", shrinks: true) { $0["top_group"] ?? Cell.none },
        .right("SOURCE %") { percent($0.number("top_source_share")) },
        .right("FILLED %") { percent($0.number("table_occupancy")) },
        .right("REPLACED") { $0["outbound_replacements"] ?? Cell.none },
        .right("EVICTED") { Cell.sensible($0.number("evicted_per_inbound")) },
        .right("BEHIND") { Cell.duration($0.number("tip_lag_s")) },
    ]

    private static let spyColumns: [Column] = [
        .left("GROUP", shrinks: true) { $0["group"] ?? Cell.none },
        .right("SCORE") { Cell.number($0.number("score"), decimals: 3) },
        .right("NODES") { $0["nodes"] ?? Cell.none },
        .right("SESSIONS") { $0["sessions"] ?? Cell.none },
        .right("HALF LAST") {
            $0["median_life_s"] == nil ? "longer" : Cell.duration($0.number("median_life_s"))
        },
        .right("RECONNECTS") { $0["reconnects"] ?? Cell.none },
        .right("INV OUT") { $0["inv_out"] ?? Cell.none },
        .right("GETDATA IN") { $0["getdata_in"] ?? Cell.none },
        .right("TX IN") { $0["tx_in"] ?? Cell.none },
        .right("AGENTS") { $0["agents"] ?? Cell.none },
    ]

    private static let valueColumns: [Column] = [
        .left("PEER", shrinks: true) { $0["peer"] ?? Cell.none },
        .left("GROUP", shrinks: true) { $0["group"] ?? Cell.none },
        .left("AGENT", shrinks: true) { $0["agent"] ?? Cell.none },
        .right("NODES") { $0["nodes"] ?? Cell.none },
        .right("SESSIONS") { $0["sessions"] ?? Cell.none },
        .right("BLOCKS") { $0["first_blocks"] ?? Cell.none },
        .right("TXS") { $0["first_transactions"] ?? Cell.none },
        .right("MB") { Cell.sensible($0.number("megabytes")) },
        .right("BLOCKS/MB") { Cell.sensible($0.number("first_blocks_per_mb")) },
        .right("TXS/MB") { Cell.sensible($0.number("first_transactions_per_mb")) },
        .right("EVICTED") { $0["evicted"] ?? Cell.none },
    ]
}
