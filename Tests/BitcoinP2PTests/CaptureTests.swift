import BitcoinP2P
import ByteCodec
import Foundation
import Testing

@Suite struct CaptureTests {
    @Test(arguments: [Capture.regtest6, .addrman4])
    func `every captured message decodes, but for the deliberately malformed`(capture: Capture) {
        var outcomes: [String: [String: Int]] = [:]
        for message in capture.messages {
            let status =
                MessageType(name: message.name)?
                .status(of: message.payload.raw, size: message.payload.count) ?? .unknown
            outcomes[status.rawValue, default: [:]][message.name, default: 0] += 1
        }
        #expect(capture.messages.count > 4000)
        // What the capture's misbehaving client made up: 50 001 inventory entries, 2 001 headers, and an
        // addrv2 that ends early.
        #expect(outcomes["malformed"] == ["addrv2": 1, "headers": 1, "inv": 1])
        #expect(outcomes["unknown"] == ["zzz_unknown1": 1])
        #expect(Set(outcomes.keys) == ["ok", "malformed", "unknown"])
    }

    @Test(arguments: [Capture.regtest6, .addrman4])
    func `hashes and heights of announced blocks are those the nodes connected`(capture: Capture) {
        var announced: Set<Hash256> = []
        var heights: [Hash256: Int] = [:]
        for message in capture.messages {
            switch message.name {
            case "headers":
                _ = Headers.forEach(message.payload.raw, size: message.payload.count) {
                    announced.insert($0.hash)
                }
            case "block":
                let block = Block.decode(message.payload.raw, size: message.payload.count).value
                if let block { heights[block.header.hash] = block.height }
            case "cmpctblock":
                let block = CompactBlock.decode(message.payload.raw, size: message.payload.count).value
                if let block { heights[block.header.hash] = block.height }
            default: break
            }
        }
        #expect(!announced.isEmpty)
        // What the misbehaving client made up and what lost a race was never connected.
        let unconnected = announced.union(heights.keys).subtracting(capture.connected.keys)
        #expect(unconnected.count <= 2, "\(unconnected)")
        #expect(announced.intersection(capture.connected.keys).count > 50)
        for (hash, height) in heights where capture.connected[hash] != nil {
            #expect(capture.connected[hash] == height)
        }
        #expect(heights.keys.filter { capture.connected[$0] != nil }.count > 50)
    }

    @Test(arguments: [Capture.regtest6, .addrman4])
    func `every peer's address reads and prints as it was`(capture: Capture) {
        for peer in Set(capture.messages.map(\.peer)) {
            #expect(PeerAddress(peer).address?.description == peer)
        }
    }
}

extension String {
    var utf8Bytes: [UInt8] { [UInt8](utf8) }
}
