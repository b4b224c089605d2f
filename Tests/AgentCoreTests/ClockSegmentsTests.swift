import Testing

@testable import AgentCore

@Suite("Clock segments")
struct ClockSegmentsTests {
    let second: UInt64 = 1_000_000_000
    let utc: Int64 = 1_795_000_000_000_000_000

    @Test("begin with the first reading, numbered by the seconds since 2020")
    func first() {
        var segments = ClockSegments(after: 0)
        #expect(segments.advance(monotonic: 5 * second, offset: utc) == 0)
        #expect(segments.clk == 1_795_000_005 - 1_577_836_800)
        #expect(segments.baseRealtime - Int64(segments.baseMonotonic) == utc)
    }

    @Test("last a minute and keep their constant while the clock only wobbles")
    func minute() {
        var segments = ClockSegments(after: 0)
        _ = segments.advance(monotonic: second, offset: utc)
        let clk = segments.clk
        #expect(segments.advance(monotonic: 60 * second, offset: utc + 900_000) == nil)
        #expect(segments.advance(monotonic: 61 * second, offset: utc + 900_000) == 0)
        #expect(segments.clk > clk)
        #expect(segments.baseRealtime - Int64(segments.baseMonotonic) == utc)
    }

    @Test(
        "end at a step, forward or back",
        arguments: [3_600_000_000_000, -3_600_000_000_000, 250_000_000, -1_000_001])
    func step(_ size: Int64) {
        var segments = ClockSegments(after: 0)
        _ = segments.advance(monotonic: second, offset: utc)
        let clk = segments.clk
        #expect(segments.advance(monotonic: 2 * second, offset: utc + size) == size)
        #expect(segments.clk > clk)
        #expect(segments.baseRealtime - Int64(segments.baseMonotonic) == utc + size)
    }

    @Test("never use a number twice, also after a restart with a clock set back")
    func restart() {
        var segments = ClockSegments(after: 300_000_000)
        _ = segments.advance(monotonic: second, offset: utc)
        #expect(segments.clk == 300_000_001)
    }
}
