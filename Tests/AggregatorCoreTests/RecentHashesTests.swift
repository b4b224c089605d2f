import BitcoinP2P
import Testing

@testable import AggregatorCore

struct RecentHashesTests {
    private static let today = UTCDay(micros: 0)
    private static let tomorrow = UTCDay(micros: 86_400_000_000)

    private static func hash(_ number: Int) throws -> Hash256 {
        let digits = String(number, radix: 16)
        return try #require(Hash256(shown: String(repeating: "0", count: 64 - digits.count) + digits))
    }

    @Test func aHashIsNewOnceADay() throws {
        var recent = RecentHashes()
        let one = try Self.hash(1)
        let answers = [
            recent.insert(one, on: Self.today), recent.insert(one, on: Self.today),
            recent.insert(one, on: Self.tomorrow), recent.insert(one, on: Self.tomorrow),
        ]
        #expect(answers == [true, false, true, false])
    }

    @Test func whatWasSeenLatelyIsStillKnownWhenOlderHashesAreForgotten() throws {
        var recent = RecentHashes()
        for number in 0..<100_000 { _ = recent.insert(try Self.hash(number), on: Self.today) }
        let late = recent.insert(try Self.hash(99_999 - 30_000), on: Self.today)
        #expect(!late)
        // Forgotten: it goes to the database again, where the first row stays.
        let early = recent.insert(try Self.hash(5), on: Self.today)
        #expect(early)
    }
}
