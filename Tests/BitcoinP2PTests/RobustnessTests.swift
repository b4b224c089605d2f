import BitcoinP2P
import Testing

@Suite struct RobustnessTests {
    /// Decodes, and checks what every decoder promises whatever the bytes are.
    private func check(_ type: MessageType, _ payload: [UInt8], size: Int) {
        let status = type.status(of: payload.raw, size: size)
        #expect(status != .unknown)
        #expect(status != .truncated || payload.count < size, "\(type) \(payload.hexDigits) \(size)")
        #expect(status != .ok && status != .trailing || payload.count >= size)

        var calls = 0
        let delivery: Delivery? =
            switch type {
            case .addr: Addr.forEach(payload.raw, size: size) { calls += touch($0) }
            case .addrv2: AddrV2.forEach(payload.raw, size: size) { calls += touch($0) }
            case .headers: Headers.forEach(payload.raw, size: size) { _ in calls += 1 }
            case .inv, .getdata, .notfound: Inventory.forEach(payload.raw, size: size) { _ in calls += 1 }
            default: nil
            }
        if let delivery {
            #expect(delivery.status == status)
            #expect(delivery.delivered == calls)
            #expect(calls == 0 || status != .malformed)
            #expect(status != .ok || calls == delivery.declared)
        }
    }

    /// Uses everything an address can be asked for.
    private func touch(_ entry: AddressEntry) -> Int {
        let address = entry.address
        _ = (address.isRoutable, address.netgroup, address.group24, address.description, address.hashValue)
        return 1
    }

    @Test(arguments: MessageType.allCases)
    func `random bytes never trap`(type: MessageType) {
        var generator = SeededGenerator(seed: 413_567)
        for _ in 0..<1500 {
            var payload = generator.bytes(Int.random(in: 0...200, using: &generator))
            // Small counts and lengths lead deeper than random ones.
            if Bool.random(using: &generator) {
                for index in payload.indices where UInt8.random(in: 0...2, using: &generator) > 0 {
                    payload[index] &= 3
                }
            }
            check(type, payload, size: payload.count)
            check(type, payload, size: payload.count + Int.random(in: 0...300, using: &generator))
            check(type, payload, size: Int.random(in: 0...payload.count, using: &generator))
        }
        check(type, [], size: -1)
        check(type, [1], size: .max)
        check(type, repeated(0xff, 200), size: .max)
    }

    @Test func `captured messages with a few bytes changed never trap`() {
        var generator = SeededGenerator(seed: 2)
        for message in Capture.regtest6.messages where message.payload.count < 3000 {
            guard let type = MessageType(name: message.name), !message.payload.isEmpty else { continue }
            var payload = message.payload
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<payload.count, using: &generator)
                payload[place] = [0, 1, 0x7f, 0xfc, 0xfd, 0xfe, 0xff].randomElement(using: &generator) ?? 0
            }
            check(type, payload, size: payload.count)
            check(type, [UInt8](payload.prefix(payload.count / 2)), size: payload.count)
        }
    }

    @Test func `random text is a peer's address or is not, and never traps`() {
        var generator = SeededGenerator(seed: 3)
        let alphabet = [UInt8]("0123456789abcdef:.[]%onioi2p".utf8)
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            let peer = PeerAddress(text.raw)
            if let address = peer.address { #expect(PeerAddress(address.description).address == address) }
        }
    }
}
