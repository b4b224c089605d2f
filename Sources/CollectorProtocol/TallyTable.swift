internal import Tracepoints

/// Counts events by run and tracepoint: since the last batch, and since the ring epoch began.
struct TallyTable: Sendable {
    private static let width = Tracepoint.allCases.count

    /// A run's ordinal here outlives the batch.
    private var runs = NumberTable()
    private var deltas: [UInt64] = []
    private var cumulatives: [UInt64] = []
    private var known: [Bool] = []
    /// Places that the next batch tells of, in the order in which they changed.
    private var touched: [Int] = []
    private var isTouched: [Bool] = []
    private var knownCount = 0

    /// Runs ever counted.
    var runCount: Int { runs.count }
    /// Tallies the next batch will carry.
    func count(all: Bool) -> Int { all ? knownCount : touched.count }

    mutating func increment(run: UInt64, tracepoint: UInt8) {
        let place = place(run: run, tracepoint: tracepoint)
        touch(place)
        deltas[place] += 1
    }

    /// Counts events that the stream has had and lost: they are in no batch, and behind it all the same.
    mutating func countLost(run: UInt64, tracepoint: UInt8, count: UInt64) {
        let place = place(run: run, tracepoint: tracepoint)
        touch(place)
        cumulatives[place] += count
    }

    private mutating func touch(_ place: Int) {
        guard !isTouched[place] else { return }
        isTouched[place] = true
        touched.append(place)
    }

    /// Restores what the stream has counted already.
    mutating func restore(run: UInt64, tracepoint: UInt8, cumulative: UInt64) {
        cumulatives[place(run: run, tracepoint: tracepoint)] = cumulative
    }

    /// Drops a run that has ended, so that restarts of a node do not pile up; not while there is news of it.
    mutating func forget(run: UInt64) {
        guard !touched.contains(where: { runs.keys[$0 / Self.width] == run }) else { return }
        var rest = TallyTable()
        // Touched places first, in their order.
        let untouched = known.indices.filter { known[$0] && !isTouched[$0] }
        for old in touched + untouched where runs.keys[old / Self.width] != run {
            let new = rest.place(run: runs.keys[old / Self.width], tracepoint: UInt8(old % Self.width + 1))
            rest.deltas[new] = deltas[old]
            rest.cumulatives[new] = cumulatives[old]
            if isTouched[old] { rest.touch(new) }
        }
        self = rest
    }

    /// A new ring epoch counts from 0.
    mutating func forgetCumulatives() {
        for place in cumulatives.indices { cumulatives[place] = 0 }
    }

    /// Moves the deltas into the cumulative counts and calls `body` with each tally; with `all` also for those
    /// that did not change.
    mutating func settle(all: Bool, _ body: (Tally) -> Void) {
        for place in touched { cumulatives[place] += deltas[place] }
        if all {
            for place in known.indices where known[place] { body(tally(at: place)) }
        } else {
            for place in touched { body(tally(at: place)) }
        }
        for place in touched {
            deltas[place] = 0
            isTouched[place] = false
        }
        touched.removeAll(keepingCapacity: true)
    }

    /// Calls `body` with the run of each tally that ``settle(all:_:)`` with `all` would give.
    func forEachKnownRun(_ body: (UInt64) -> Void) {
        for run in runs.keys { body(run) }
    }

    private func tally(at place: Int) -> Tally {
        Tally(
            run: runs.keys[place / Self.width], tracepoint: UInt8(place % Self.width + 1),
            delta: deltas[place],
            cumulative: cumulatives[place])
    }

    private mutating func place(run: UInt64, tracepoint: UInt8) -> Int {
        let ordinal = runs.index(of: run)
        while deltas.count < runs.count * Self.width {
            deltas.append(0)
            cumulatives.append(0)
            known.append(false)
            isTouched.append(false)
        }
        let place = ordinal * Self.width + Int(tracepoint) - 1
        if !known[place] {
            known[place] = true
            knownCount += 1
        }
        return place
    }
}
