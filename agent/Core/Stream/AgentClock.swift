import CPlatform
import Glibc

/// The host's clocks as the agent sees them, with faults that a test may inject.
public struct AgentClock: Sendable {
    /// Added to every CLOCK_MONOTONIC reading and to the kernel's own, ns: as if on another machine.
    public var monotonicShift: Int64 = 0
    /// Added to CLOCK_REALTIME, ns.
    public var realtimeShift: Int64 = 0
    /// From this CLOCK_MONOTONIC instant on ``realtimeStep`` is added as well; 0 never.
    public var stepAt: UInt64 = 0
    /// ns.
    public var realtimeStep: Int64 = 0

    /// Undisturbed clocks.
    public init() {}

    /// Reads `monotonic=NS,realtime=NS,step=NS@SECONDS`: what a test injects through PEERSCOPE_TEST_CLOCK.
    public init(faults text: String) throws(AgentError) {
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=")
            let numbers = (pair.last ?? "").split(separator: "@").compactMap { Int64($0) }
            switch (pair.first, numbers.count) {
            case ("monotonic", 1): monotonicShift = numbers[0]
            case ("realtime", 1): realtimeShift = numbers[0]
            case ("step", 2):
                realtimeStep = numbers[0]
                stepAt = ps_monotonic_ns() + UInt64(numbers[1]) * 1_000_000_000
            default:
                throw AgentError(
                    doing: "reading PEERSCOPE_TEST_CLOCK", reason: "\"\(part)\" is not understood",
                    remedy: "write monotonic=NS, realtime=NS or step=NS@SECONDS, separated by commas")
            }
        }
    }

    /// The kernel's CLOCK_MONOTONIC as this clock shows it.
    func shown(_ kernel: UInt64) -> UInt64 { UInt64(Int64(kernel) + monotonicShift) }

    /// The kernel's reading that this clock shows as `shown`.
    func kernel(_ shown: UInt64) -> UInt64 { UInt64(max(0, Int64(shown) - monotonicShift)) }

    /// Now.
    func monotonic() -> UInt64 { shown(ps_monotonic_ns()) }

    /// CLOCK_REALTIME − CLOCK_MONOTONIC now, ns.
    func offset() -> Int64 {
        let pair = ps_clock_pair_now()
        let stepped = stepAt != 0 && pair.monotonic_ns >= stepAt ? realtimeStep : 0
        return pair.realtime_ns + realtimeShift + stepped - Int64(pair.monotonic_ns) - monotonicShift
    }
}

/// The stretches of time within which a node's UTC is CLOCK_MONOTONIC plus one constant.
///
/// A new one begins every 60 s, and whenever the constant has moved by more than a millisecond: a step, or slewing.
/// Its number is unique per node for good, since it never falls behind the seconds since 2020.
struct ClockSegments {
    private(set) var clk: UInt32
    private(set) var baseMonotonic: UInt64 = 0
    private(set) var baseRealtime: Int64 = 0
    private var began = false

    static let length: UInt64 = 60_000_000_000
    static let tolerance: Int64 = 1_000_000

    /// Goes on after the number last used on disk.
    init(after last: UInt32) { clk = last }

    /// Begins a new segment if it is time. Returns the size of a step in ns, or nil if none began.
    mutating func advance(monotonic: UInt64, offset: Int64) -> Int64? {
        let moved = began ? offset - (baseRealtime - Int64(baseMonotonic)) : 0
        guard !began || abs(moved) > Self.tolerance || monotonic >= baseMonotonic + Self.length else {
            return nil
        }
        // Within one tolerated wobble the old constant goes on, so that equal clocks give equal times.
        let kept = began && abs(moved) <= Self.tolerance ? baseRealtime - Int64(baseMonotonic) : offset
        let seconds = (Int64(monotonic) + kept) / 1_000_000_000 - 1_577_836_800
        clk = max(clk &+ 1, UInt32(clamping: seconds))
        baseMonotonic = monotonic
        baseRealtime = Int64(monotonic) + kept
        began = true
        return abs(moved) > Self.tolerance ? moved : 0
    }
}
