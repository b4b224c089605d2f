import ArgumentParser
import PostgreSQL

/// `peerscope txs`: how far and how fast transactions travelled through the fleet.
struct Txs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Transactions: how far and how fast each came in the fleet (view tx_propagation).",
        discussion: """
            A node's time is that of the first inv or tx a peer sent it, in corrected time; T0 is the first node's. \
            TOLD counts nodes told within ten minutes, OF those that could have been. P50 and P90 are delays behind \
            T0 that half and nine tenths of the nodes told kept within, true to ± ms. LEFT is why the mempools \
            let it go.
            """)

    @OptionGroup var options: AskingOptions
    @Option(
        help: ArgumentHelp(
            "Only the transaction with this wtxid or txid, as explorers print it; its beginning will do.",
            valueName: "hash"))
    var tx: String?
    @Option(help: "Only transactions first heard of since then: 90s, 15min, 2h, 7d ago, or a time in UTC.")
    var since: String?
    @Option(help: "Only transactions that so many nodes were told of (default: 1).")
    var minNodes = 1
    @Option(help: "Newest transactions to show.")
    var limit = 10

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be above 0") }
        guard minNodes > 0 else { throw ValidationError("--min-nodes must be above 0") }
        if let since, since.isEmpty { throw ValidationError("--since is empty") }
        if let tx {
            guard !tx.isEmpty, tx.count <= 64, tx.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
                throw ValidationError("'\(tx)' is no transaction's hash")
            }
        }
    }

    func run() throws { try ask(options, answer) }

    /// What the database says to it.
    func answer(_ connection: Connection) throws -> Answer {
        let start = try since.flatMap { try Instant.read($0, option: "--since", connection) }
        let rows = try connection.query(
            """
            SELECT hex(wtxid) AS wtxid, hex(txid) AS txid, t0, nodes, eligible, p50_ms, p90_ms, error_ms, coverage,
                   removal_reason
            FROM tx_propagation
            WHERE \(condition) AND ($2::timestamptz IS NULL OR t0 >= $2::timestamptz) AND nodes >= $3::int
            ORDER BY t0 DESC, wtxid, txid LIMIT $4::int
            """, [tx?.lowercased(), start, String(minNodes), String(limit)])
        let nothing = try rows.rows.isEmpty ? reasonForNoRows(connection, whyNot) : nil
        return Answer([Section("txs", rows, Self.columns)], remark: nothing)
    }

    /// Which transactions; a whole hash reaches the indexes, and `$1` occurs in any case.
    private var condition: String {
        switch tx?.count {
        case nil: "$1::text IS NULL"
        case 64: "(wtxid = wire($1::text) OR txid = wire($1::text))"
        case .some: "(hex(wtxid) LIKE $1::text || '%' OR hex(txid) LIKE $1::text || '%')"
        }
    }

    private var whyNot: String {
        if tx != nil { return "No node was told of this transaction, as far as is kept." }
        let nodes = minNodes > 1 ? " by \(minNodes) nodes" : ""
        return "No transaction was heard of\(nodes)\(since == nil ? "" : " since then")."
    }

    private static let columns: [Column] = [
        .left("WTXID", shrinks: true) { $0["wtxid"] ?? $0["txid"].map { "txid \($0)" } ?? Cell.none },
        .left("T0 (UTC)") { Cell.time($0["t0"], fraction: 3) },
        .right("TOLD") { $0["nodes"] ?? Cell.none },
        .right("OF") { $0["eligible"] ?? Cell.none },
        .right("P50 ms") { Cell.sensible($0.number("p50_ms")) },
        .right("P90 ms") { Cell.sensible($0.number("p90_ms")) },
        .right("± ms") { Cell.sensible($0.number("error_ms")) },
        .left("LEFT") { $0["removal_reason"] ?? Cell.none },
    ]
}
