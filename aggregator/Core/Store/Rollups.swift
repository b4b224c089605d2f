internal import BitcoinP2P
internal import PostgreSQL

/// What a transaction adds to rollups whose rows are not cached: keys without bound, merged by SQL.
final class Rollups {
    /// One address as one node heard it.
    struct AddressKey: Hashable {
        let node: Int32
        let address: NetworkAddress
    }
    struct AnnouncementKey: Hashable {
        let heard: AddressKey
        let announcedAt: UInt32
        let addressClass: AddressClass
    }
    struct Announcement {
        let firstSeen: Int64
        let clk: Int32
        let run: Int64
        let firstPeer: Int64
        let freshness: Double
        var copies: Int32
        var lastSeen: Int64
    }
    struct Sighting {
        let firstSeen: Int64
        var lastSeen: Int64
        var count: Int64
    }
    struct MinuteKey: Hashable {
        let node: Int32
        let minute: Int64
        let run: Int64
        let inbound: Bool
        let type: String
        let connectionType: String
    }
    struct Traffic {
        var messages: Int64 = 0
        var bytes: Int64 = 0
        /// Messages whose decoding ended at the captured bytes.
        var truncated: Int64 = 0
    }
    struct SessionTypeKey: Hashable {
        let node: Int32
        let session: SessionKey
        let inbound: Bool
        let type: String
    }
    struct SessionMinuteKey: Hashable {
        let node: Int32
        let minute: Int64
        let session: SessionKey
    }
    /// Addresses that a session sent in a minute.
    struct AddressMinute {
        var messages: Int32 = 0
        var exactlyTen: Int32 = 0
        var entries: Int64 = 0
        var future: Int64 = 0
        var passed: Int64 = 0
        var limited: Int64 = 0
    }
    struct RejectKey: Hashable {
        let node: Int32
        let hour: Int64
        let reason: String
    }
    struct SeenHeader {
        let header: BlockHeader
        var node: Int32
        var firstSeen: Int64
        var poolTag: String?
        var transactions: Int32?
    }
    struct DirtyDay: Hashable {
        let node: Int32
        let day: UTCDay
    }
    struct TouchedBlock: Hashable {
        let node: Int32
        let hash: Hash256
    }
    /// A statement that is too rare to be worth a COPY, done in order.
    struct Statement {
        let sql: String
        let parameters: [String?]
    }

    var announcements: [AnnouncementKey: Announcement] = [:]
    var sightings: [AddressKey: Sighting] = [:]
    var traffic: [MinuteKey: Traffic] = [:]
    var headers: [Hash256: SeenHeader] = [:]
    var touched: Set<TouchedBlock> = []
    var sessionTraffic: [SessionTypeKey: Traffic] = [:]
    var addressMinutes: [SessionMinuteKey: AddressMinute] = [:]
    var rejects: [RejectKey: Int64] = [:]
    var dirty: Set<DirtyDay> = []
    /// Days into whose leaves keyed rows go.
    var keyedDays: Set<UTCDay> = []
    var addressDays = CopyBuffer()
    var sightedTransactions = CopyBuffer()
    var mempoolChanges = CopyBuffer()
    var compactMissing = CopyBuffer()
    var relayed = CopyBuffer()
    var windows = CopyBuffer()
    var clockSamples = CopyBuffer()
    var statements: [Statement] = []

    func removeAll() {
        announcements.removeAll(keepingCapacity: true)
        sightings.removeAll(keepingCapacity: true)
        traffic.removeAll(keepingCapacity: true)
        headers.removeAll(keepingCapacity: true)
        touched.removeAll(keepingCapacity: true)
        sessionTraffic.removeAll(keepingCapacity: true)
        addressMinutes.removeAll(keepingCapacity: true)
        rejects.removeAll(keepingCapacity: true)
        dirty.removeAll(keepingCapacity: true)
        keyedDays.removeAll(keepingCapacity: true)
        addressDays.removeAll()
        sightedTransactions.removeAll()
        mempoolChanges.removeAll()
        compactMissing.removeAll()
        relayed.removeAll()
        windows.removeAll()
        clockSamples.removeAll()
        statements.removeAll(keepingCapacity: true)
    }

    func execute(_ sql: String, _ parameters: [String?]) {
        statements.append(Statement(sql: sql, parameters: parameters))
    }
}
