/// Rollups that hold each key once a day, in a leaf of that day: the first row of a key stays.
///
/// The leaf's unique key is made by `peerscope.ensure_day`; the parent cannot have it.
enum KeyedDay: CaseIterable {
    case addrDay, txSighting

    /// Its name in schema `peerscope`.
    var name: String { self == .addrDay ? "addr_day" : "tx_sighting" }

    private var key: [String] {
        self == .addrDay ? ["node_id", "network", "addr", "port", "class"] : ["node_id", "hash"]
    }

    private var columns: [String] {
        EventTable.sharedColumns
            + (self == .addrDay
                ? ["network", "addr", "port", "class"] : ["peer_id", "hash", "is_wtxid", "via"])
    }

    /// Makes the temporary table that rows are copied to.
    var creation: String {
        "CREATE TEMP TABLE IF NOT EXISTS staged_\(name) (LIKE peerscope.\(name)) ON COMMIT DELETE ROWS"
    }

    /// `COPY … FROM STDIN`.
    var copyStatement: String {
        "COPY staged_\(name) (\(columns.joined(separator: ", "))) FROM STDIN (FORMAT binary)"
    }

    /// Merges the staged rows of `day` into its leaf; an earlier one of a late stream replaces what is there.
    func merge(_ day: UTCDay) -> String {
        let order = key.joined(separator: ", ")
        let list = columns.joined(separator: ", ")
        let replaced = columns.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }
        return """
            INSERT INTO peerscope.\(name)_\(day.compact) AS t (\(list))
            SELECT DISTINCT ON (\(order)) \(list) FROM staged_\(name)
             WHERE ts >= timestamptz '\(day.iso) 00:00:00+00'
               AND ts < timestamptz '\(day.iso) 00:00:00+00' + interval '24 hours'
             ORDER BY \(order), ts, seq
            ON CONFLICT (\(order)) DO UPDATE SET \(replaced.joined(separator: ", "))
             WHERE (excluded.ts, excluded.seq) < (t.ts, t.seq)
            """
    }
}
