import CollectorProtocol
import Testing

@Suite struct ClockExchangeTests {
    /// Θ = 1000 lies within the bounds whichever way is slow.
    @Test(arguments: [(10, 10), (0, 500), (500, 0)] as [(UInt64, UInt64)])
    func theBoundsHoldForAnyAsymmetry(there: UInt64, back: UInt64) {
        let t1: UInt64 = 5_000
        let t2 = t1 + there + 1_000
        let t3 = t2 + 3
        let t4 = t3 - 1_000 + back
        let bounds = ClockExchange(t1: t1, t2: t2, t3: t3, t4: t4)
        #expect(bounds?.low == 1_000 - Int64(back) && bounds?.high == 1_000 + Int64(there))
    }

    @Test func anAggregatorBehindTheNodeGivesNegativeBounds() {
        let bounds = ClockExchange(t1: 5_000, t2: 1_010, t3: 1_020, t4: 5_030)
        #expect(bounds?.low == -4_010 && bounds?.high == -3_990)
    }

    @Test(
        arguments: [
            (10, 0, 0, 9), (0, 10, 9, 10), (0, 0, 11, 10), (0, .max, .max, 1), (UInt64.max, 0, 0, UInt64.max),
        ] as [(UInt64, UInt64, UInt64, UInt64)])
    func contradictionsGiveNothing(t1: UInt64, t2: UInt64, t3: UInt64, t4: UInt64) {
        #expect(ClockExchange(t1: t1, t2: t2, t3: t3, t4: t4) == nil)
    }
}
