import BPF
import Tracepoints

/// What `peerscope-agent probes` prints.
public struct ProbesReport {
    /// The table, with a newline at its end.
    public let text: String

    /// Reads the binary's notes.
    public init(binary: String) throws {
        let notes = try TracepointNotes(path: binary)
        guard !notes.sites.isEmpty else {
            throw AgentError(
                doing: "listing the tracepoints of \(binary)", reason: "it has none",
                remedy: "use a release build of Bitcoin Core, or build with -DWITH_USDT=ON")
        }
        var rows = [["TRACEPOINT", "SITES", "SEMAPHORE", "ARGUMENTS", "PEERSCOPE"]]
        for tracepoint in Tracepoint.allCases {
            let sites = notes.sites(of: tracepoint)
            let semaphore = sites.first.map { $0.semaphore != 0 ? "yes" : "no" } ?? "-"
            rows.append([
                tracepoint.name, "\(sites.count)", semaphore,
                sites.first.map { "\($0.operands.count)" } ?? "-",
                Self.verdict(tracepoint, notes.support(tracepoint)),
            ])
            for site in sites { rows.append(["", "", "", site.operands.joined(separator: " "), ""]) }
        }
        let known = Set(Tracepoint.allCases.map(\.name))
        var others: [String] = []
        for site in notes.sites where !known.contains("\(site.provider):\(site.name)") {
            others.append("\(site.provider):\(site.name)")
        }
        var lines = Self.table(rows)
        if !others.isEmpty {
            lines.append("Not known to Peerscope: " + Set(others).sorted().joined(separator: ", "))
        }
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func verdict(_ tracepoint: Tracepoint, _ support: TracepointSupport) -> String {
        switch support {
        case .missing:
            return tracepoint.isPatchOnly
                ? "only in patched nodes" : "missing: an older release, or a build without it"
        case .unknownLayout(let why): return "NOT CAPTURED: \(why)"
        case .supported(_, _, _, let layout):
            var remarks: [String] = []
            if layout.contains(.optionalAbsent) { remarks.append("layout before v29, without new_is_txid") }
            if layout.contains(.durationInMicroseconds) { remarks.append("µs of v23 and v24, stored as ns") }
            return remarks.isEmpty ? "captured" : "captured; " + remarks.joined(separator: ", ")
        }
    }

    private static func table(_ rows: [[String]]) -> [String] {
        // Operand lines have only their fourth column; they are indented under their tracepoint.
        let full = rows.filter { !$0[0].isEmpty }
        let widths = (0..<5).map { column in full.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            if row[0].isEmpty { return "    \(row[3])" }
            var line = ""
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: column == 4 ? 0 : widths[column] - cell.count)
                line += (column == 1 || column == 3 ? space + cell : cell + space) + (column == 4 ? "" : "  ")
            }
            return line
        }
    }
}
