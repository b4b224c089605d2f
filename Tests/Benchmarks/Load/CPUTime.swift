import Glibc

/// Nanoseconds of CPU that the calling thread has used: what else runs on the machine does not count.
func threadNanoseconds() -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Nanoseconds of CLOCK_MONOTONIC, and what has to be added for UTC.
func hostClock() -> (monotonic: UInt64, offset: Int64) {
    var monotonic = timespec()
    var real = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &monotonic)
    unsafe clock_gettime(CLOCK_REALTIME, &real)
    let now = UInt64(monotonic.tv_sec) * 1_000_000_000 + UInt64(monotonic.tv_nsec)
    return (now, Int64(real.tv_sec) * 1_000_000_000 + Int64(real.tv_nsec) - Int64(now))
}

/// Repeats `work` for about `milliseconds` of CPU time; nanoseconds of each.
func timed(milliseconds: Int, _ work: () -> Void) -> Double {
    let limit = UInt64(milliseconds) * 1_000_000
    var repetitions = 1
    while true {
        let began = threadNanoseconds()
        for _ in 0..<repetitions { work() }
        let took = threadNanoseconds() - began
        if took >= limit || repetitions >= 1 << 30 { return Double(took) / Double(repetitions) }
        // Not too often at first, and then about as often as is needed.
        let factor = took == 0 ? 10 : min(10, 1.2 * Double(limit) / Double(took))
        repetitions = max(repetitions + 1, Int(Double(repetitions) * factor))
    }
}

/// Keeps the optimiser from leaving out what is measured.
@inline(never)
@_optimize(none)
func keep<Value>(_ value: Value) {}

func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
