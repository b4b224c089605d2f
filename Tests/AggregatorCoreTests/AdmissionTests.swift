import Testing

@testable import AggregatorCore

/// Who may connect.
struct AdmissionTests {
    private static let second: UInt64 = 1_000_000_000

    private static func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        limits.arrivalBurst = 1e9
        change(&limits)
        return limits
    }

    private static func isRefused(_ verdict: Admission.Verdict) -> Bool {
        if case .refuse = verdict { true } else { false }
    }

    @Test func aSourceHasOnlySoManyUnfinishedConnections() {
        var admission = Admission(Self.limits { $0.unfinishedPerSource = 3 })
        let source = Admission.Source("10.0.0.1")
        for id in 1...3 {
            #expect(admission.arrive(UInt64(id), from: source, now: 0) == .admit(evicting: nil))
        }
        #expect(Self.isRefused(admission.arrive(4, from: source, now: 0)))
        // Another source is not concerned, and who has greeted makes room.
        #expect(admission.arrive(5, from: .init("10.0.0.2"), now: 0) == .admit(evicting: nil))
        #expect(admission.greeted(1, agent: "a").isEmpty)
        #expect(admission.arrive(6, from: source, now: 0) == .admit(evicting: nil))
    }

    @Test func aFloodDisplacesItselfAndNotTheLoneNewcomer() {
        var admission = Admission(
            Self.limits { ($0.unfinished, $0.unfinishedPerSource) = (10, 8) })
        let attacker = Admission.Source("10.0.0.66")
        for id in 1...8 { _ = admission.arrive(UInt64(id), from: attacker, now: 0) }
        #expect(admission.arrive(9, from: .init("10.0.0.1"), now: 0) == .admit(evicting: nil))
        #expect(admission.arrive(10, from: .init("10.0.0.2"), now: 0) == .admit(evicting: nil))
        // All ten places are taken: the attacker's oldest goes, again and again.
        #expect(admission.arrive(11, from: .init("10.0.0.3"), now: 0) == .admit(evicting: 1))
        #expect(admission.arrive(12, from: .init("10.0.0.4"), now: 0) == .admit(evicting: 2))
        #expect(admission.count == 10)
    }

    @Test func amongEqualSourcesTheOneThatHasWaitedLongestGoes() {
        var admission = Admission(Self.limits { $0.unfinished = 3 })
        for id in 1...3 { _ = admission.arrive(UInt64(id), from: .init("10.0.0.\(id)"), now: 0) }
        #expect(admission.arrive(4, from: .init("10.0.0.9"), now: 0) == .admit(evicting: 1))
    }

    @Test func aSourceMayDisplaceItself() {
        var admission = Admission(Self.limits { ($0.unfinished, $0.unfinishedPerSource) = (2, 8) })
        let source = Admission.Source("10.0.0.1")
        for id in 1...2 { _ = admission.arrive(UInt64(id), from: source, now: 0) }
        #expect(admission.arrive(3, from: source, now: 0) == .admit(evicting: 1))
        #expect(admission.arrive(4, from: source, now: 0) == .admit(evicting: 2))
        #expect(admission.count == 2)
    }

    @Test func agentsThatAreThereAreNeverDisplaced() {
        var admission = Admission(Self.limits { ($0.total, $0.perAgent) = (3, 1) })
        for id in 1...3 {
            _ = admission.arrive(UInt64(id), from: .init("10.0.0.\(id)"), now: 0)
            #expect(admission.greeted(UInt64(id), agent: "agent-\(id)").isEmpty)
        }
        #expect(Self.isRefused(admission.arrive(4, from: .init("10.0.0.4"), now: 0)))
        admission.leave(2)
        #expect(admission.arrive(5, from: .init("10.0.0.4"), now: 0) == .admit(evicting: nil))
    }

    @Test func anAgentsNewestConnectionsStay() {
        var admission = Admission(Self.limits { $0.perAgent = 2 })
        let source = Admission.Source("10.0.0.1")
        for id in 1...3 { _ = admission.arrive(UInt64(id), from: source, now: 0) }
        #expect(admission.greeted(1, agent: "a").isEmpty)
        #expect(admission.greeted(2, agent: "a").isEmpty)
        #expect(admission.greeted(3, agent: "a") == [1])
        admission.leave(1)
        _ = admission.arrive(4, from: source, now: 0)
        #expect(admission.greeted(4, agent: "a") == [2])
    }

    @Test func arrivalsOfASourceArePaced() {
        let limits = Self.limits { ($0.arrivalBurst, $0.arrivalsPerSecond) = (2, 1) }
        var admission = Admission(limits)
        let source = Admission.Source("10.0.0.1")
        var verdicts: [Bool] = []
        for (id, time) in [(1, 0.0), (2, 0), (3, 0.5), (4, 1.1), (5, 1.2)] {
            let verdict = admission.arrive(UInt64(id), from: source, now: UInt64(time * 1e9))
            verdicts.append(!Self.isRefused(verdict))
            admission.leave(UInt64(id))
        }
        #expect(verdicts == [true, true, false, true, false])
    }

    @Test func anIPv6HostIsItsNetwork() {
        #expect(Admission.Source("2001:db8:1:2::1") == Admission.Source("2001:db8:1:2:ffff::9"))
        #expect(Admission.Source("2001:db8:1:2::1") != Admission.Source("2001:db8:1:3::1"))
        #expect(Admission.Source("::ffff:10.0.0.1") == Admission.Source("10.0.0.1"))
        #expect(Admission.Source("10.0.0.1") != Admission.Source("10.0.0.2"))
    }

    @Test func countsHoldThroughAnyOrderOfEvents() {
        var limits = Self.limits { ($0.total, $0.unfinished, $0.unfinishedPerSource) = (20, 8, 5) }
        limits.perSource = 12
        var admission = Admission(limits)
        var generator = SplitMix(state: 7)
        var open: Set<UInt64> = []
        for id in 1...20_000 as ClosedRange<UInt64> {
            switch generator.next() % 4 {
            case 0, 1:
                let source = Admission.Source("10.0.0.\(generator.next() % 6)")
                if case .admit(let evicted) = admission.arrive(id, from: source, now: id) {
                    open.insert(id)
                    if let evicted { #expect(open.remove(evicted) != nil) }
                }
            case 2:
                if let one = open.randomElement(using: &generator) {
                    for gone in admission.greeted(one, agent: "a\(generator.next() % 4)") {
                        admission.leave(gone)
                        open.remove(gone)
                    }
                }
            default:
                if let one = open.randomElement(using: &generator) {
                    admission.leave(one)
                    open.remove(one)
                }
            }
            #expect(admission.count == open.count)
            #expect(open.count <= 20)
        }
    }

    @Test func whatIsRememberedOfSourcesIsBounded() {
        var admission = Admission(Self.limits { $0.total = 4 })
        for id in 1...2000 as ClosedRange<UInt64> {
            _ = admission.arrive(id, from: .init("10.0.\(id / 250).\(id % 250)"), now: 0)
            admission.leave(id)
        }
        #expect(admission.sourceCount <= 4 * 4 + 1)
    }
}

/// A generator that repeats, for tests with many random steps.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
