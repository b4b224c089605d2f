import BitcoinP2P
import Testing

@Suite struct MessageTypeTests {
    @Test func `there are 36 message types, found by their names`() {
        #expect(MessageType.allCases.count == 36)
        for type in MessageType.allCases { #expect(MessageType(name: type.rawValue) == type) }
        for name in ["zzz_unknown1", "", "\u{fffd}", "Ping", "ping\0", "versionversion"] {
            #expect(MessageType(name: name) == nil)
        }
    }

    @Test func `there is a message in annotated hex for each of them`() {
        #expect(Set(MessageVector.all.map(\.type)) == Set(MessageType.allCases))
    }
}
