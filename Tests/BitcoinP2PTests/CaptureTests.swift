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
    func `a decoder in Python agrees on every field of every message`(capture: Capture) {
        let script = fixture("decode-messages.py").path
        let theirs = run("/usr/bin/env", "python3", script, capture.url.path).split(separator: "\n")
        let ours = capture.messages.compactMap { $0.line }
        #expect(ours.count == theirs.count)
        let differing = zip(ours, theirs).filter { $0 != $1 }
        #expect(differing.isEmpty, "\(differing.prefix(3))")
    }

    @Test(arguments: [Capture.regtest6, .addrman4])
    func `every peer's address reads and prints as it was`(capture: Capture) {
        for peer in Set(capture.messages.map(\.peer)) {
            #expect(PeerAddress(peer).address?.description == peer)
        }
    }

    @Test func `a captured message cut at any length is truncated, and as a whole message malformed`() {
        var seen: [String: Int] = [:]
        for message in Capture.regtest6.messages where !message.payload.isEmpty {
            guard let type = MessageType(name: message.name), message.payload.count < 2000,
                seen[message.name, default: 0] < 6,
                type.status(of: message.payload.raw, size: message.payload.count) == .ok
            else { continue }
            seen[message.name, default: 0] += 1
            for length in 0..<message.payload.count {
                let prefix = [UInt8](message.payload.prefix(length))
                let cut = type.status(of: prefix.raw, size: message.payload.count)
                #expect(cut == .truncated, "\(message.name) cut at \(length)")
                // The same bytes as a whole message are short, or a version without its optional end.
                let whole = type.status(of: prefix.raw, size: length)
                let isVersion = type == .version && length >= 46
                #expect(whole == .malformed || isVersion, "\(message.name) ends at \(length): \(whole)")
            }
            let longer = message.payload + [0]
            #expect(type.status(of: longer.raw, size: longer.count) == .trailing, "\(message.name)")
        }
        #expect(seen.count >= 15)
    }
}

extension String {
    var utf8Bytes: [UInt8] { [UInt8](utf8) }
}

extension CapturedMessage {
    /// The message as decode-messages.py prints it; nil for types it leaves out.
    fileprivate var line: String? {
        var fields: [String] = []
        let span = payload.raw
        let size = payload.count
        let status: DecodeStatus
        switch name {
        case "version":
            let decoded = Version.decode(span, size: size)
            status = decoded.status
            fields = decoded.value?.line ?? []
        case "addr":
            status = Addr.forEach(span, size: size) { fields.append($0.line) }.status
        case "addrv2":
            status = AddrV2.forEach(span, size: size) { fields.append($0.line) }.status
        case "inv", "getdata", "notfound":
            status =
                Inventory.forEach(span, size: size) { entry in
                    fields.append("\(entry.kind.rawValue),\(entry.hash.wireHex)")
                }.status
        case "headers":
            status = Headers.forEach(span, size: size) { fields.append($0.line) }.status
        case "block":
            var txids: [String] = []
            let decoded = Block.forEachTransaction(span, size: size) { _, transaction, bytes in
                txids.append(transaction.txid(of: bytes).wireHex)
            }
            status = decoded.status
            if let block = decoded.value {
                fields = [block.header.line, text(block.transactionCount)] + block.coinbaseLine + txids
            }
        case "cmpctblock":
            let decoded = CompactBlock.decode(span, size: size)
            status = decoded.status
            if let block = decoded.value {
                fields = [
                    block.header.line, text(block.nonce), text(block.shortIDCount),
                    text(block.prefilledCount),
                ]
                if let coinbase = block.coinbase {
                    fields += [text(block.height), coinbase.scriptSig.hexDigits]
                }
            }
        case "getblocktxn":
            let decoded = GetBlockTransactions.decode(span, size: size) { fields.append("\($0)") }
            status = decoded.status
            fields.insert(decoded.value?.blockHash.wireHex ?? "", at: 0)
        case "blocktxn":
            let decoded = BlockTransactions.forEachTransaction(span, size: size) { _, transaction, bytes in
                fields.append(transaction.line(of: bytes))
            }
            status = decoded.status
            fields.insert(decoded.value?.blockHash.wireHex ?? "", at: 0)
        case "tx":
            let decoded = Tx.decode(span, size: size)
            status = decoded.status
            fields = [decoded.value?.transaction.line(of: span) ?? ""]
            #expect(decoded.value?.wtxid == decoded.value?.transaction.wtxid(of: span))
            #expect(decoded.value?.txid == decoded.value?.transaction.txid(of: span))
        case "ping":
            let decoded = Ping.decode(span, size: size)
            status = decoded.status
            fields = [text(decoded.value?.nonce)]
        case "pong":
            let decoded = Pong.decode(span, size: size)
            status = decoded.status
            fields = [text(decoded.value?.nonce)]
        default:
            return nil
        }
        return ([name, status.rawValue] + (status == .malformed ? [] : fields)).joined(separator: " ")
    }
}

private func text(_ value: (some CustomStringConvertible)?) -> String { value?.description ?? "-" }

extension Version {
    fileprivate var line: [String] {
        var fields = [
            "\(protocolVersion)", "\(services)", "\(timestamp)", "\(receiverServices)", receiver.line,
        ]
        if let sender { fields += [text(senderServices), sender.line, text(nonce)] }
        if let userAgent { fields.append(userAgent.hexDigits) }
        if let startHeight { fields.append("\(startHeight)") }
        if let relay { fields.append(relay ? "1" : "0") }
        return fields
    }
}

extension NetworkAddress {
    fileprivate var line: String { "\(network.name),\(text),\(port)" }
}

extension AddressEntry {
    fileprivate var line: String { "\(announcedAt),\(services),\(address.line)" }
}

extension BlockHeader {
    fileprivate var line: String { "\(hash.wireHex),\(previous.wireHex),\(time),\(bits),\(nonce)" }
}

extension Block {
    fileprivate var coinbaseLine: [String] {
        [height.map(String.init) ?? "-", coinbase?.scriptSig.hexDigits ?? "-"]
    }
}

extension Transaction {
    fileprivate func line(of bytes: RawSpan) -> String {
        "\(txid(of: bytes).wireHex),\(wtxid(of: bytes).wireHex),\(size),\(strippedSize)"
    }
}
