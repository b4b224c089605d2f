import FoundationEssentials

/// What a replay did, for people and for programs.
public struct Summary: Codable, Equatable, Sendable {
    /// Events of one tracepoint by whether somebody saw them.
    public struct Count: Codable, Equatable, Sendable {
        /// Fired while the semaphore was raised.
        public var observed = 0
        /// Not fired, because nobody was attached.
        public var unobserved = 0
        /// Fired without a semaphore.
        public var unknown = 0
    }

    /// How much later than due events were fired, in nanoseconds.
    public struct Lateness: Codable, Equatable, Sendable {
        /// Half of them were not later than this.
        public let p50: Int64
        /// 99 of 100 were not later than this.
        public let p99: Int64
        /// The latest.
        public let max: Int64

        /// Sorts `values` where they are; nil when there are none.
        init?(sorting values: inout [Int64]) {
            values.sort()
            guard let last = values.last else { return nil }
            p50 = values[(values.count - 1) / 2]
            p99 = values[(values.count - 1) * 99 / 100]
            max = last
        }
    }

    /// The executable, so the version that it stands for.
    public var executable: String
    /// The node whose events were fired.
    public var node: String
    /// The process.
    public var pid: Int32
    /// Whether every event was fired; false after SIGTERM or SIGINT.
    public var completed: Bool
    /// How many events there were to fire.
    public var planned: Int
    /// How many were fired, with or without somebody watching.
    public var fired: Int
    /// CLOCK_MONOTONIC of the capture's first event of any node, or of the load's start.
    public var startMonotonic: UInt64
    /// CLOCK_MONOTONIC of the first and the last event fired; 0 when there was none.
    public var firstMonotonic: UInt64
    /// See ``firstMonotonic``.
    public var lastMonotonic: UInt64
    /// CPU time of the process between the two, in nanoseconds: firing, and whatever the kernel ran in the probes.
    public var processorTime: UInt64
    /// Lateness, nil without a rhythm.
    public var lateness: Lateness?
    /// The counts of those tracepoints that had events.
    public var tracepoints: [String: Count]

    private enum CodingKeys: String, CodingKey {
        case executable, node, pid, completed, planned, fired, tracepoints
        case startMonotonic = "start_mono_ns"
        case firstMonotonic = "first_mono_ns"
        case lastMonotonic = "last_mono_ns"
        case processorTime = "cpu_ns"
        case lateness = "lateness_ns"
    }

    /// JSON with sorted keys.
    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// A table, and a line on time.
    var table: String {
        var rows = [["tracepoint", "observed", "unobserved", "unknown"]]
        var total = Count()
        for (name, count) in tracepoints.sorted(by: { $0.key < $1.key }) {
            rows.append([name, "\(count.observed)", "\(count.unobserved)", "\(count.unknown)"])
            total.observed += count.observed
            total.unobserved += count.unobserved
            total.unknown += count.unknown
        }
        rows.append(["total", "\(total.observed)", "\(total.unobserved)", "\(total.unknown)"])
        var text = rows.map { row in
            pad(row[0], 41, left: false) + row.dropFirst().map { pad($0, 12, left: true) }.joined()
        }.joined(separator: "\n")
        text += "\n\(fired) of \(planned) events fired"
        if fired > 1 {
            let nanoseconds = lastMonotonic - firstMonotonic
            text += " in \(tenths(nanoseconds, unit: 1_000_000_000)) s"
            if nanoseconds > 0 { text += ", \(Int(Double(fired - 1) * 1e9 / Double(nanoseconds)))/s" }
        }
        if let lateness {
            let figures = [("p50", lateness.p50), ("p99", lateness.p99), ("max", lateness.max)]
            text +=
                "; late by "
                + figures.map { "\($0) \(tenths(UInt64(max($1, 0)), unit: 1000)) µs" }.joined(separator: ", ")
        }
        return text
    }
}

private func pad(_ text: String, _ width: Int, left: Bool) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return left ? space + text : text + space
}

/// A quantity with one decimal.
func tenths(_ value: UInt64, unit: UInt64) -> String {
    let rounded = (value + unit / 20) / (unit / 10)
    return "\(rounded / 10).\(rounded % 10)"
}
