import BitcoinP2P
import Testing

@testable import AggregatorCore

struct AddressClassTests {
    private static func address(_ text: String) throws -> NetworkAddress {
        try #require(PeerAddress(text).address)
    }

    private static func classify(
        getaddr: Bool = false, first: Bool = false, entries: Int = 3, peer: String = "192.0.2.1:8333",
        entry: String = "198.51.100.7:8333", announcedAt: UInt32 = 1_000_000, now: Double = 1_000_100
    ) throws -> AddressClass {
        AddressClass.classify(
            AddressClass.Rule(
                getaddrOutstanding: getaddr, isFirstOfInbound: first, entries: entries,
                peer: PeerAddress(peer).address, nodeClock: now),
            try address(entry), announcedAt: announcedAt)
    }

    @Test func whileOurGetaddrIsOutstandingEverythingAnswersIt() throws {
        #expect(try Self.classify(getaddr: true, entry: "192.0.2.1:8333") == .getaddrResponse)
    }

    @Test func thePeersOwnHostIsASelfAnnouncementWhateverThePort() throws {
        #expect(try Self.classify(entries: 50, entry: "192.0.2.1:18333") == .own)
        #expect(try Self.classify(peer: "[2001:db8::1]:9000", entry: "[2001:db8::1]:8333") == .own)
    }

    @Test func oneEntryInTheFirstMessageOfAnInboundPeerIsItsOwn() throws {
        #expect(try Self.classify(first: true, entries: 1) == .own)
        #expect(try Self.classify(first: true, entries: 2) == .gossip)
    }

    @Test func moreThanTenUnaskedAreBulk() throws {
        #expect(try Self.classify(entries: 11) == .bulk)
        #expect(try Self.classify(entries: 10) == .gossip)
    }

    @Test func tenMinutesSeparateGossipFromStale() throws {
        #expect(try Self.classify(announcedAt: 1_000_000, now: 1_000_599) == .gossip)
        #expect(try Self.classify(announcedAt: 1_000_000, now: 1_000_600) == .stale)
        #expect(try Self.classify(announcedAt: 1_000_600, now: 1_000_000) == .gossip)
    }
}

struct NodeClockTests {
    @Test func aClockInStepHasNoOffset() {
        var clock = NodeClock()
        clock.observe(version: 1000, atMicros: 1_000_400_000)
        #expect(clock.offset == 0)
    }

    @Test func boundsAreIntersected() {
        var clock = NodeClock()
        clock.observe(version: 2000, atMicros: 1_000_900_000)
        clock.observe(version: 2010, atMicros: 1_010_200_000)
        #expect(clock.low.map { abs($0 - 999.8) < 1e-6 } == true)
        #expect(clock.high.map { abs($0 - 1000.1) < 1e-6 } == true)
        #expect(abs(clock.offset - 999.95) < 1e-6)
    }

    @Test func theNewestWinsAContradiction() {
        var clock = NodeClock()
        clock.observe(version: 2000, atMicros: 1_000_000_000)
        clock.observe(version: 5000, atMicros: 1_001_000_000)
        #expect(clock.low == 3999)
        #expect(clock.high == 4000)
    }
}

struct TokenBucketTests {
    @Test func aPeerStartsWithOneTokenAndGetsOneEveryTenSeconds() {
        let session = PeerSession(SessionKey(run: 1, peer: 1))
        session.openedAt = 0
        TokenBucket.refill(session, at: 5_000_000)
        #expect(TokenBucket.take(session))
        #expect(!TokenBucket.take(session))
        TokenBucket.refill(session, at: 15_000_000)
        #expect(TokenBucket.take(session))
    }

    @Test func timeFillsItToAThousandAtMost() {
        let session = PeerSession(SessionKey(run: 1, peer: 1))
        session.openedAt = 0
        TokenBucket.refill(session, at: 1_000_000_000_000)
        #expect(session.addrTokens == 1000)
    }

    @Test func ourGetaddrAddsAThousandWhateverThereIs() {
        let session = PeerSession(SessionKey(run: 1, peer: 1))
        session.openedAt = 0
        TokenBucket.addForGetaddr(session, at: 1_000_000)
        #expect(session.addrTokens == 1001)
        TokenBucket.refill(session, at: 2_000_000)
        #expect(session.addrTokens == 1001)
    }
}
