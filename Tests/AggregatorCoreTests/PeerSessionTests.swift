import BitcoinP2P
import PostgreSQL
import Testing

@testable import AggregatorCore

struct PeerSessionTests {
    private static func session() -> PeerSession { PeerSession(SessionKey(run: 1, peer: 2)) }

    @Test func theShortestRoundTripStays() {
        let session = Self.session()
        for (nonce, sent, answered): (UInt64, Int64, Int64) in [
            (1, 100, 900), (2, 1000, 1300), (3, 2000, 2400),
        ] {
            session.pinged(nonce, at: sent)
            session.ponged(nonce, at: answered)
        }
        #expect(session.minRoundTrip == 300)
    }

    @Test func aPongWithAnotherNonceAnswersNothing() {
        let session = Self.session()
        session.pinged(7, at: 100)
        session.ponged(8, at: 150)
        #expect(session.minRoundTrip == nil)
        session.ponged(7, at: 400)
        #expect(session.minRoundTrip == 300)
        session.ponged(7, at: 401)
        #expect(session.minRoundTrip == 300)
    }

    @Test func aClockThatIsSteppedBackMakesNoRoundTrip() {
        let session = Self.session()
        session.pinged(7, at: 1_000_000)
        session.ponged(7, at: 10)
        #expect(session.minRoundTrip == nil)
    }

    @Test func everyColumnOfTheRowIsWritten() {
        var rows = CopyBuffer()
        let session = Self.session()
        session.addr = "93.184.216.34:8333"
        session.write(node: 1, into: &rows)
        // The next row may begin only when the one before has all its fields.
        session.write(node: 1, into: &rows)
        #expect(rows.rowCount == 2)
    }
}
