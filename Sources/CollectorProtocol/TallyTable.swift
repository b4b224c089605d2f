internal import Tracepoints

/// Counts events by run and tracepoint: since the last batch, and since the ring epoch began.
struct TallyTable: Sendable {
    private static let width = Tracepoint.allCases.count

    private struct Place {
        var delta: UInt64 = 0
        var cumulative: UInt64 = 0
        var isKnown = false
        var isTouched = false
    }

    /// A run's ordinal here outlives the batch.
    private var runs = NumberTable()
    /// By run's ordinal and tracepoint.
    private var places: [Place] = []
    /// Places that the next batch tells of, in the order in which they changed.
    private var touched: [Int] = []
    private var touchedCount = 0
    private var knownCount = 0

    /// Runs ever counted.
    var runCount: Int { runs.count }
    /// Tallies the next batch will carry.
    func count(all: Bool) -> Int { all ? knownCount : touchedCount }

    @inline(__always)
    mutating func increment(run: UInt64, tracepoint: UInt8) {
        let index = place(run: run, tracepoint: tracepoint)
        if !places[index].isTouched { touch(index) }
        places[index].delta += 1
    }

    /// Counts events that the stream has had and lost: they are in no batch, and behind it all the same.
    mutating func countLost(run: UInt64, tracepoint: UInt8, count: UInt64) {
        let index = place(run: run, tracepoint: tracepoint)
        touch(index)
        places[index].cumulative += count
    }

    private mutating func touch(_ index: Int) {
        guard !places[index].isTouched else { return }
        places[index].isTouched = true
        touched.append(index)
        touchedCount += 1
        know(index)
    }

    private mutating func know(_ index: Int) {
        guard !places[index].isKnown else { return }
        places[index].isKnown = true
        knownCount += 1
    }

    /// Restores what the stream has counted already.
    mutating func restore(run: UInt64, tracepoint: UInt8, cumulative: UInt64) {
        let index = place(run: run, tracepoint: tracepoint)
        know(index)
        places[index].cumulative = cumulative
    }

    /// Drops a run that has ended, so that restarts of a node do not pile up; not while there is news of it.
    mutating func forget(run: UInt64) {
        guard !touched.contains(where: { runs.keys[$0 / Self.width] == run }) else { return }
        var rest = TallyTable()
        // Touched places first, in their order.
        let untouched = places.indices.filter { places[$0].isKnown && !places[$0].isTouched }
        for old in touched + untouched where runs.keys[old / Self.width] != run {
            let new = rest.place(run: runs.keys[old / Self.width], tracepoint: UInt8(old % Self.width + 1))
            if places[old].isTouched { rest.touch(new) }
            rest.know(new)
            rest.places[new].delta = places[old].delta
            rest.places[new].cumulative = places[old].cumulative
        }
        self = rest
    }

    /// A new ring epoch counts from 0.
    mutating func forgetCumulatives() {
        for index in places.indices { places[index].cumulative = 0 }
    }

    /// Moves the deltas into the cumulative counts and calls `body` with each tally; with `all` also for those
    /// that did not change.
    mutating func settle(all: Bool, _ body: (Tally) -> Void) {
        for index in touched { places[index].cumulative += places[index].delta }
        if all {
            for index in places.indices where places[index].isKnown { body(tally(at: index)) }
        } else {
            for index in touched { body(tally(at: index)) }
        }
        for index in touched {
            places[index].delta = 0
            places[index].isTouched = false
        }
        touched.removeAll(keepingCapacity: true)
        touchedCount = 0
    }

    /// Calls `body` with the run of each tally that ``settle(all:_:)`` with `all` would give.
    func forEachKnownRun(_ body: (UInt64) -> Void) {
        for run in runs.keys { body(run) }
    }

    private func tally(at index: Int) -> Tally {
        Tally(
            run: runs.keys[index / Self.width], tracepoint: UInt8(index % Self.width + 1),
            delta: places[index].delta, cumulative: places[index].cumulative)
    }

    @inline(__always)
    private mutating func place(run: UInt64, tracepoint: UInt8) -> Int {
        let index = runs.index(of: run) * Self.width + Int(tracepoint) - 1
        if index >= places.count { makePlaces() }
        return index
    }

    @inline(never)
    private mutating func makePlaces() {
        while places.count < runs.count * Self.width { places.append(Place()) }
    }
}
