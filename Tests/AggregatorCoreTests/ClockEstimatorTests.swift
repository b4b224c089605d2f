import Testing

@testable import AggregatorCore

/// Seconds in nanoseconds.
private func seconds(_ count: Int64) -> Int64 { count * 1_000_000_000 }

struct ClockEstimatorTests {
    @Test func noSampleGivesNothing() {
        let estimate = ClockEstimator.estimate([], from: 0, to: seconds(60))
        #expect(estimate == .init(hull: nil, quality: .provisional))
    }

    @Test func samplesTooFarAwayDoNotCount() {
        let far = ClockBound(monotonic: seconds(181), low: 0, high: 10)
        #expect(ClockEstimator.estimate([far], from: 0, to: seconds(60)).quality == .provisional)
        let near = ClockBound(monotonic: seconds(180), low: 0, high: 10)
        #expect(ClockEstimator.estimate([near], from: 0, to: seconds(60)).quality == .exchange)
    }

    @Test func oneSampleWidensByTheDriftOnBothSides() {
        let sample = ClockBound(monotonic: seconds(30), low: 1000, high: 3000)
        let estimate = ClockEstimator.estimate([sample], from: 0, to: seconds(60))
        // 30 s × 100 ppm = 3 ms at either end.
        #expect(estimate.hull == -2_999_000...3_003_000)
        #expect(estimate.middle == 2000)
        #expect(estimate.error == 3_001_000)
    }

    @Test func theHullPeaksBetweenTwoSamples() {
        let samples = [
            ClockBound(monotonic: 0, low: -1000, high: 1000),
            ClockBound(monotonic: seconds(10), low: -1000, high: 5000),
        ]
        let estimate = ClockEstimator.estimate(samples, from: 0, to: seconds(10))
        // (1000 + 5000 + ρ·10 s) / 2 above, −(1000 + 1000 + ρ·10 s) / 2 below.
        #expect(estimate.hull == -501_000...503_000)
    }

    @Test func aPeakOutsideOfTheSpanDoesNotCount() {
        let samples = [
            ClockBound(monotonic: 0, low: -1000, high: 1000),
            ClockBound(monotonic: seconds(10), low: -1000, high: 1000),
        ]
        let estimate = ClockEstimator.estimate(samples, from: 0, to: seconds(2))
        #expect(estimate.hull == -201_000...201_000)
    }

    @Test func aTightSampleTightensItsNeighbours() {
        let samples = [
            ClockBound(monotonic: 0, low: -10_000_000, high: 10_000_000),
            ClockBound(monotonic: seconds(1), low: -100, high: 100),
            ClockBound(monotonic: seconds(2), low: -10_000_000, high: 10_000_000),
        ]
        let estimate = ClockEstimator.estimate(samples, from: 0, to: seconds(2))
        #expect(estimate.hull == -100_100...100_100)
    }

    @Test func theOrderOfSamplesDoesNotMatter() {
        var samples = (0..<40).map { index in
            ClockBound(
                monotonic: seconds(Int64(index * 7 % 40)), low: -Int64(index) * 1000 - 50,
                high: Int64(index) * 500 + 70)
        }
        let estimate = ClockEstimator.estimate(samples, from: seconds(5), to: seconds(30))
        samples.reverse()
        #expect(ClockEstimator.estimate(samples, from: seconds(5), to: seconds(30)) == estimate)
    }

    @Test func theHullHoldsTheTrueOffsetOfADriftingClock() throws {
        // 60 ppm of drift, exchanges with delays that differ in both directions.
        var state: UInt64 = 42
        func random(_ limit: UInt64) -> Int64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64((state >> 33) % limit)
        }
        let truth = { (time: Int64) in 5_000_000_000 + time * 60 / 1_000_000 }
        let samples = (0..<180).map { second in
            let time = seconds(Int64(second))
            return ClockBound(
                monotonic: time, low: truth(time) - random(2_000_000), high: truth(time) + random(50_000_000))
        }
        let estimate = ClockEstimator.estimate(samples, from: seconds(60), to: seconds(120))
        let hull = try #require(estimate.hull)
        for second in 60...120 { #expect(hull.contains(truth(seconds(Int64(second))))) }
        #expect(estimate.error ?? .max < 8_000_000)
    }

    @Test func aJumpOfTheClockIsAFault() {
        let samples = [
            ClockBound(monotonic: 0, low: -100, high: 100),
            ClockBound(monotonic: seconds(10), low: 250_000_000, high: 250_001_000),
        ]
        #expect(
            ClockEstimator.estimate(samples, from: 0, to: seconds(20))
                == .init(hull: nil, quality: .clockFault))
    }

    @Test func samplesOfOneClockAreExact() {
        let samples = [
            ClockBound(monotonic: 0, low: 0, high: 0), ClockBound(monotonic: seconds(60), low: 0, high: 0),
        ]
        let estimate = ClockEstimator.estimate(samples, from: 0, to: seconds(60))
        #expect(estimate == .init(hull: 0...0, quality: .exact))
        #expect(estimate.error == 0)
    }

    @Test func ntpNarrowsTheExchange() {
        let sample = ClockBound(monotonic: 0, low: -1_000_000, high: 3_000_000, ntp: -200_000...400_000)
        let estimate = ClockEstimator.estimate([sample], from: 0, to: 0)
        #expect(estimate == .init(hull: -200_000...400_000, quality: .ntp))
    }

    @Test func ntpThatContradictsIsFlaggedAndNotUsed() {
        let sample = ClockBound(monotonic: 0, low: -1000, high: 1000, ntp: 5000...6000)
        let estimate = ClockEstimator.estimate([sample], from: 0, to: 0)
        #expect(estimate == .init(hull: -1000...1000, quality: .ntpFault))
    }

    @Test func nonsenseIsNobodysClock() {
        let samples = [
            ClockBound(monotonic: 0, low: .min, high: .max), ClockBound(monotonic: 1, low: 5, high: 4),
        ]
        #expect(ClockEstimator.estimate(samples, from: 0, to: 10).quality == .provisional)
    }
}
