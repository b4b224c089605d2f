/// Records that are not stored, gathered into runs of consecutive numbers with one reason.
struct RefusedRecords {
    private var runs: [(first: UInt64, last: UInt64, reason: String)] = []

    mutating func add(_ sequence: UInt64, _ reason: String) {
        if let last = runs.last, last.reason == reason, last.last + 1 == sequence {
            runs[runs.count - 1].last = sequence
        } else {
            runs.append((sequence, sequence, reason))
        }
    }

    func close(_ body: (UInt64, UInt64, String) -> Void) {
        for run in runs { body(run.first, run.last, run.reason) }
    }
}
