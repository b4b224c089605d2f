import ArgumentParser
import PostgreSQL

/// `peerscope blocks`: how far apart a block arrived at the nodes.
struct Blocks: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Recent blocks: when each node had them, and how far behind the first (view block_arrival_skew).",
        discussion: """
            SKEW is the time since the first node, between FROM and TO when both clocks' errors and the time in
            the queue behind validation are counted in. A skew that is not significant may be none at all.
            Stages: s0 first announced, s1 asked for, s2 cmpctblock, s3 getblocktxn, s4 blocktxn or block,
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
            let stages = stage.isEmpty ? ["s0", "s6"] : stage
            let rows = try connection.query(
                """
                WITH skew AS MATERIALIZED (
                    SELECT \(try Self.hashExpression(connection)) AS block_hash, height, node, stage, at, skew_ms,
                           skew_lo_ms, skew_hi_ms, queue_ms, significant, provisional
                    FROM block_arrival_skew
                    WHERE stage = ANY ($1::text[]) AND ($2::int IS NULL OR height = $2::int)
                ), block AS (
                    SELECT block_hash, max(height) AS height, min(at) AS first_at FROM skew
                    WHERE $3::text IS NULL OR block_hash LIKE $3 || '%' OR block_hash LIKE '%' || $3
                    GROUP BY block_hash
                    ORDER BY max(height) DESC NULLS LAST, min(at) DESC
                    LIMIT $4::int
                )
                SELECT s.* FROM skew s JOIN block b USING (block_hash)
                ORDER BY b.height DESC NULLS LAST, b.first_at DESC, block_hash, stage, skew_ms NULLS LAST, at, node
                """,
                [
                    "{\(stages.joined(separator: ","))}", height.map { String($0) }, hash?.lowercased(),
                    String(limit),
                ])
            let filtered = height != nil || hash != nil
            let nothing =
                try rows.rows.isEmpty
                ? reasonForNoRows(
                    connection,
                    filtered ? "No stored block fits." : "No block has reached a node since capture began.")
                : nil
            return Answer([Section("blocks", rows, Self.columns)], remark: nothing)
        }
    }

    /// The hash as explorers print it, whether the view gives bytes or text.
    private static func hashExpression(_ connection: Connection) throws -> String {
        let type = try connection.execute(
            """
            SELECT format_type(atttypid, NULL) FROM pg_attribute
            WHERE attrelid = 'block_arrival_skew'::regclass AND attname = 'block_hash'
            """)
        return type.scalar == "bytea" ? "hex(block_hash)" : "block_hash::text"
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
