import Testing

@testable import AggregatorCore

/// What stands around the gate: the rule for plaintext, the log of refusals, memory for windows.
struct GateTests {
    @Test(
        arguments: [
            (PlaintextRule.loopback, "127.0.0.1", "127.0.0.1", true),
            (.loopback, "127.0.0.1", "127.9.8.7", true),
            (.loopback, "::1", "::1", true),
            (.loopback, "::ffff:127.0.0.1", "127.0.0.1", true),
            (.loopback, "0.0.0.0", "127.0.0.1", false),
            (.loopback, "::", "::1", false),
            (.loopback, "10.0.0.1", "10.0.0.1", false),
            (.loopback, "127.0.0.1", "10.0.0.5", false),
            (.never, "127.0.0.1", "127.0.0.1", false),
            (.anywhere, "0.0.0.0", "192.0.2.7", true),
        ])
    func plaintextIsForThisHostUnlessSaidOtherwise(
        _ rule: PlaintextRule, _ listener: String, _ remote: String, _ admitted: Bool
    ) {
        #expect(rule.admits(listeningOn: listener, from: remote) == admitted)
    }

    @Test func unknownAddressesGetNoPlaintext() {
        #expect(!PlaintextRule.loopback.admits(listeningOn: nil, from: "127.0.0.1"))
        #expect(!PlaintextRule.loopback.admits(listeningOn: "127.0.0.1", from: nil))
    }

    @Test func refusalsOfASourceAreWrittenOnlySoOften() {
        var log = RefusalLog(now: 0)
        let source = Admission.Source("10.0.0.1")
        let written = (0..<100).count { _ in log.shouldWrite(.plaintext, from: source, now: 0) }
        #expect(written == 10)
        let told = [log.takeSuppressed(), log.takeSuppressed()]
        #expect(told == [90, 0])
        // Another kind and another source are news.
        let others = [
            log.shouldWrite(.certificate, from: source, now: 0),
            log.shouldWrite(.plaintext, from: .init("10.0.0.2"), now: 0),
        ]
        #expect(others == [true, true])
        let later = [1, 11].map { log.shouldWrite(.plaintext, from: source, now: $0 * 1_000_000_000) }
        #expect(later == [false, true])
    }

    @Test func manySourcesTogetherWriteOnlySoMuch() {
        var log = RefusalLog(now: 0)
        let written = (0..<5000).count { number in
            log.shouldWrite(.limit, from: .init("10.1.\(number / 250).\(number % 250)"), now: 0)
        }
        #expect(written == 200)
    }

    @Test func windowsShrinkWithWhatIsLeftAndNeverBelowAMebibyte() {
        let budget = WindowBudget(bytes: 1 << 30, largest: 32 << 20, perAgent: 4)
        var grants: [WindowBudget.Grant] = []
        for number in 0..<200 {
            guard let grant = budget.grant(to: "agent-\(number)") else { break }
            grants.append(grant)
        }
        #expect(grants.count == 200)
        #expect(grants[0].window == 32 << 20)
        #expect(zip(grants, grants.dropFirst()).allSatisfy { $0.window >= $1.window })
        #expect(grants[199].window == WindowBudget.smallest)
        // Twice the windows is what there may have to be held: the budget, and a mebibyte or two for each latecomer.
        let held = grants.reduce(0) { $0 + 2 * Int($1.window) }
        #expect(held <= 1 << 30 + 200 * 2 * Int(WindowBudget.smallest))
        grants.removeAll()
        #expect(budget.grant(to: "agent-0")?.window == 32 << 20)
    }

    @Test func anAgentThatComesBackAgainAndAgainHoldsOnlySoMuch() {
        let budget = WindowBudget(bytes: 1 << 30, largest: 32 << 20, perAgent: 2)
        var held = [budget.grant(to: "a"), budget.grant(to: "a")]
        #expect(held.allSatisfy { $0 != nil })
        #expect(budget.grant(to: "a") == nil)
        #expect(budget.grant(to: "b") != nil)
        held.removeLast()
        #expect(budget.grant(to: "a") != nil)
    }

    @Test func aSmallWindowStaysAsItWasAskedFor() {
        let budget = WindowBudget(bytes: 1 << 30, largest: 5000, perAgent: 2)
        #expect(budget.grant(to: "a")?.window == 5000)
    }
}
