import CollectorTesting
import Glibc
import Testing

@Suite("A proxy that does harm")
struct FaultProxyTests {
    let bytes: [UInt8] = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    func withProxy(seed: UInt64 = 1, _ body: (FaultProxy) throws -> Void) throws {
        let server = try EchoServer()
        defer { server.stop() }
        let proxy = try FaultProxy(to: server.port, seed: seed)
        defer { proxy.stop() }
        try body(proxy)
    }

    func seconds(_ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        return clock.measure(body) / .seconds(1)
    }

    @Test("passes bytes as they are, both ways, on several connections")
    func plain() throws {
        try withProxy { proxy in
            for client in (0..<3).map({ _ in EchoClient(port: proxy.port) }) {
                client.send(bytes)
                #expect(client.receive(bytes.count).bytes == bytes)
            }
            #expect(proxy.acceptedConnections == 3)
        }
    }

    @Test("flips bits by its seed, and changes no length")
    func flips() throws {
        var seen: [[UInt8]] = []
        for seed: UInt64 in [5, 5, 6] {
            try withProxy(seed: seed) { proxy in
                proxy.behaviour.outward.flipsOneBitIn = 1000
                let client = EchoClient(port: proxy.port)
                // In one piece, so that pieces do not depend on the kernel.
                let piece = Array(bytes.prefix(1400))
                var answer: [UInt8] = []
                for _ in 0..<40 {
                    client.send(piece)
                    answer += client.receive(piece.count).bytes
                }
                let sent = (0..<40).flatMap { _ in piece }
                #expect(answer.count == sent.count)
                let flipped = zip(sent, answer).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
                #expect((20...120).contains(flipped))
                seen.append(answer)
            }
        }
        #expect(seen[0] == seen[1])
        #expect(seen[0] != seen[2])
    }

    @Test("delays and throttles")
    func slow() throws {
        try withProxy { proxy in
            proxy.behaviour = .init { $0.delay = 100 }
            let client = EchoClient(port: proxy.port)
            let delayed = seconds {
                client.send([1])
                #expect(client.receive(1).bytes == [1])
            }
            #expect(delayed >= 0.2)
            proxy.behaviour = .init { $0.bytesPerSecond = 100_000 }
            let throttled = seconds {
                client.send(Array(bytes.prefix(50_000)))
                #expect(client.receive(50_000).bytes == Array(bytes.prefix(50_000)))
            }
            #expect(throttled >= 0.45)
        }
    }

    @Test("holds bytes back in an outage and passes them on after it")
    func outage() throws {
        try withProxy { proxy in
            let client = EchoClient(port: proxy.port, timeout: 1)
            client.send([1])
            #expect(client.receive(1).end == .whole)
            proxy.behaviour = .init { $0.isStalled = true }
            client.send([2])
            #expect(client.receive(1).end == .silence)
            proxy.behaviour = .init()
            #expect(client.receive(1).bytes == [2])
        }
    }

    @Test("cuts connections, with and without a reset, and refuses new ones")
    func cuts() throws {
        try withProxy { proxy in
            for reset in [false, true] {
                let client = EchoClient(port: proxy.port)
                client.send([1])
                #expect(client.receive(1).end == .whole)
                proxy.cut(reset: reset)
                #expect(client.receive(1).end == (reset ? .reset : .closed))
            }
            proxy.behaviour.refuses = true
            let client = EchoClient(port: proxy.port)
            client.send([1])
            #expect(client.receive(1).end != .whole)
            proxy.behaviour.refuses = false
            let again = EchoClient(port: proxy.port)
            again.send([1])
            #expect(again.receive(1).end == .whole)
        }
    }

    @Test("leaves one side believing that the other is there", arguments: [FaultProxy.Side.server, .client])
    func halfOpen(_ side: FaultProxy.Side) throws {
        try withProxy { proxy in
            let client = EchoClient(port: proxy.port, timeout: 1)
            client.send([1])
            #expect(client.receive(1).end == .whole)
            proxy.leaveHalfOpen(closing: side)
            #expect(client.send([2]) || side == .client)
            #expect(client.receive(1).end == (side == .server ? .silence : .closed))
        }
    }
}
