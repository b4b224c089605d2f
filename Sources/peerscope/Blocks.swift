import ArgumentParser
import PostgreSQL

/// `peerscope blocks`: how far apart a block arrived at the nodes.
struct Blocks: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Recent blocks: when each node had them, and how far behind the first (view block_arrival_skew).",
        discussion: """
            SKEW is the time since the first node, between FROM and TO when both clocks' errors and the time in \
            the queue behind validation are counted in. A skew that is not significant may be none at all.
            Stages: s0 first announced, s1 asked for, s2 cmpctblock, s3 getblocktxn, s4 blocktxn or block, \
            s5 relayed before validation, s6 connected, s7 announced by the node after that.
            """)

    @OptionGroup var options: AskingOptions
    @Option(help: ArgumentHelp("Stage s0 … s7, may be repeated (default: s0 and s6).", valueName: "stage"))
    var stage: [String] = []
    @Option(help: "Only blocks of this height.")
    var height: Int?
    @Option(help: "Only the block with this hash, as explorers print it; its beginning or end will do.")
    var hash: String?
    @Option(help: "Newest blocks to show.")
    var limit = 3

    func validate() throws {
        for stage in stage where !["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"].contains(stage) {
            throw ValidationError("there is no stage '\(stage)': s0 to s7 are")
        }
        guard limit > 0 else { throw ValidationError("--limit must be above 0") }
        if let hash {
            guard !hash.isEmpty, hash.count <= 64, hash.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
                throw ValidationError("'\(hash)' is no block hash")
            }
        }
    }

    func run() throws {
        try ask(options) { connection in
            let blocks = try connection.query(
                """
                SELECT '\\x' || encode(hash, 'hex') FROM block_arrival
                WHERE \(condition)
                GROUP BY hash
                ORDER BY max(height) DESC NULLS LAST, min(coalesce(s0_ts, s6_ts)) DESC
                LIMIT $3::int
                """, [height.map { String($0) }, hash?.lowercased(), String(limit)])
            let hashes = blocks.rows.map { $0[0] }
            // The list of blocks is a constant here, so that the view computes no other block.
            let rows = try connection.query(
                """
                SELECT hex(block_hash) AS block_hash, height, node, stage, at, skew_ms, skew_lo_ms, skew_hi_ms,
                       queue_ms, significant, provisional
                FROM block_arrival_skew
                WHERE block_hash = ANY ($1::bytea[]) AND stage = ANY ($2::text[])
                ORDER BY array_position($1::bytea[], block_hash), stage, skew_ms NULLS LAST, at, node
                """,
                [Connection.array(hashes), Connection.array(stage.isEmpty ? ["s0", "s6"] : stage)])
            return Answer(
                [Section("blocks", rows, Self.columns)],
                remark: try rows.rows.isEmpty ? reason(connection, found: !hashes.isEmpty) : nil)
        }
    }

    /// Which rows of `block_arrival` may be shown; all parameters occur.
    private var condition: String {
        let given = "($1::int IS NULL OR height = $1::int)"
        switch hash?.count {
        case 64: return given + " AND hash = wire($2::text)"
        case .some: return given + " AND (hex(hash) LIKE $2::text || '%' OR hex(hash) LIKE '%' || $2::text)"
        case nil where height != nil: return given + " AND $2::text IS NULL"
        case nil:
            // The newest heights; without any, blocks that were only announced.
            return given + """
                 AND $2::text IS NULL AND coalesce(height >= (
                        SELECT min(height) FROM (
                            SELECT DISTINCT height FROM block_arrival WHERE height IS NOT NULL
                            ORDER BY height DESC LIMIT $3::int) newest), true)
                """
        }
    }

    private func reason(_ connection: Connection, found: Bool) throws -> String {
        if found { return try reasonForNoRows(connection, "No node reached such a stage of the block.") }
        let filtered = height != nil || hash != nil
        return try reasonForNoRows(
            connection,
            filtered ? "No stored block fits." : "No block has reached a node since capture began.")
    }

    /// Whether a row's block is that of the row before, so that it need not be said again.
    private static func repeats(_ row: Row) -> Bool {
        row.number > 0 && row["block_hash"] == row.result.value("block_hash", row: row.number - 1)
    }

    private static let columns: [Column] = [
        .right("HEIGHT") { repeats($0) ? "" : $0["height"] ?? Cell.none },
        .left("BLOCK") { repeats($0) ? "" : Cell.hash($0["block_hash"]) },
        .left("STAGE") { $0["stage"] ?? Cell.none },
        .left("NODE", shrinks: true) { $0["node"] ?? Cell.none },
        .left("AT (UTC)") { Cell.time($0["at"], fraction: 6) },
        .right("SKEW ms") { Cell.number($0.number("skew_ms"), decimals: 3) },
        .right("FROM ms") { Cell.number($0.number("skew_lo_ms"), decimals: 3) },
        .right("TO ms") { Cell.number($0.number("skew_hi_ms"), decimals: 3) },
        .right("QUEUE ms") { Cell.number($0.number("queue_ms"), decimals: 3) },
        .left("") { row in
            var remarks: [String] = []
            if row.number("skew_ms") == nil {
                remarks.append("no clock")
            } else if row.isTrue("significant") {
                remarks.append("significant")
            } else if row.number("skew_ms") == 0 {
                remarks.append("first")
            } else {
                remarks.append("within error")
            }
            if row.isTrue("provisional") { remarks.append("provisional") }
            return remarks.joined(separator: ", ")
        },
    ]
}
