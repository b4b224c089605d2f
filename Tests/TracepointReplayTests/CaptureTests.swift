import CaptureFormat
import Testing

@testable import TracepointReplayCore

@Suite("A capture")
struct CaptureTests {
    private func load(_ lines: String..., node: String = "a", probes: NodeProbes = .core) throws -> Capture {
        try temporaryFile(lines.joined(separator: "\n")) { path in
            try Capture.load(path, node: node, probes: probes)
        }
    }

    private func line(
        _ probe: String, _ arguments: String, node: String = "a", at monotonic: UInt64 = 5
    ) -> String {
        #"{"node":"\#(node)","pid":1,"mono_ns":\#(monotonic),"probe":"\#(probe)","args":[\#(arguments)]}"#
    }

    private func failure(_ lines: String..., probes: NodeProbes = .core) -> CaptureError? {
        #expect(throws: CaptureError.self) {
            try temporaryFile(lines.joined(separator: "\n")) { path in
                try Capture.load(path, node: "a", probes: probes)
            }
        }
    }

    @Test("is sorted by time, equal times by line, and counts from the first event of any node")
    func order() throws {
        let capture = try load(
            line("net:misbehaving_connection", #"1,"x""#, at: 30),
            line("net:misbehaving_connection", #"2,"x""#, node: "b", at: 7),
            line("net:misbehaving_connection", #"3,"x""#, at: 20),
            line("net:misbehaving_connection", #"4,"x""#, at: 30))
        #expect(capture.events.map(\.line) == [3, 1, 4])
        #expect(capture.firstMonotonic == 7)
        #expect(capture.nodes == ["a": 3, "b": 1])
    }

    @Test("becomes words and bytes: strings end in NUL, integers keep their sign, an empty payload is null")
    func arguments() throws {
        let capture = try load(
            line("net:inbound_message", #"-1,"h\u00e9\udcff","inbound","ping",2,"0aFF""#, at: 1),
            line("net:inbound_message", #"9223372036854775807,"","inbound","verack",0,"""#, at: 2),
            line("utxocache:uncache", #""\#(hash)",4294967295,2147483647,-9223372036854775808,true"#, at: 3))
        let words = capture.arguments.words
        let bytes = capture.arguments.bytes
        #expect(words[0] == UInt64.max)
        #expect(words[4] == 2)
        #expect(words[6] == UInt64(Int64.max))
        #expect(words[11] == 0)
        #expect(Array(words[13...]) == [4_294_967_295, 2_147_483_647, UInt64(1) << 63, 1])
        #expect(capture.arguments.pointers == [1, 2, 3, 5, 7, 8, 9, 12])
        #expect(Array(bytes[Int(words[1])...].prefix(5)) == [0x68, 0xc3, 0xa9, 0xff, 0])
        #expect(Array(bytes[Int(words[5])...].prefix(2)) == [0x0a, 0xff])
        #expect(capture.events.map(\.firstWord) == [0, 6, 12])
    }

    @Test("names its nodes when it has not the one that was asked for")
    func unknownNode() {
        let error = failure(line("net:misbehaving_connection", #"1,"x""#, node: "b"))
        #expect(error?.description.contains(#"no node "a""#) == true)
        #expect(error?.advice.contains("b (1 events)") == true)
    }

    @Test("of another version is refused with the name of the executable that fits")
    func otherVersion() {
        let seven = #""\#(hash)",1,2,3,"\#(hash)",4,5"#
        let new = failure(line("mempool:replaced", seven))
        #expect(new?.advice.contains("tracepoint-replay-v27") == true)
        let old = failure(line("mempool:replaced", seven + ",true"), probes: .v27)
        #expect(old?.advice.hasSuffix("with tracepoint-replay") == true)
    }

    @Test(
        "with a bad argument is refused with line, argument and advice",
        arguments: [
            ("net:nonsense", "1", #"unknown tracepoint "net:nonsense""#),
            ("net:misbehaving_connection", "1", "has 1 arguments, tracepoint-replay has 2"),
            ("net:misbehaving_connection", #"true,"x""#, "argument 1 of net:misbehaving_connection is true"),
            ("net:misbehaving_connection", "1,2", "argument 2 of net:misbehaving_connection is 2"),
            ("net:misbehaving_connection", #"9223372036854775808,"x""#, "is 9223372036854775808"),
            ("net:misbehaving_connection", #"1,"x\u0000y""#, "has a NUL inside"),
            ("mempool:added", #""0f",1,2"#, #"argument 1 of mempool:added is "0f""#),
            ("mempool:added", #""\#(hash)",2147483648,2"#, "argument 2 of mempool:added is 2147483648"),
            ("mempool:added", #""xy",1,2"#, "is not hexadecimal at digit 1"),
            ("net:inbound_message", #"1,"a","b","c",3,"0f""#, "has 1 bytes, but the size says 3"),
            ("net:misbehaving_connection", #"1.5,"x""#, "not JSON"),
        ])
    func badArgument(probe: String, arguments: String, message: String) {
        let error = failure(line("net:misbehaving_connection", #"1,"x""#), line(probe, arguments))
        #expect(error?.line == 2)
        #expect(error?.message.contains(message) == true, "\(error?.description ?? "")")
        #expect(error?.advice.isEmpty == false)
    }

    @Test("that is cut short within a line is refused at any byte")
    func cutLine() {
        let whole = Array(line("net:misbehaving_connection", #"-1,"x\n""#).utf8)
        for length in 1..<whole.count {
            #expect(throws: CaptureError.self) { try JSONLine.parse(Array(whole[..<length])) }
        }
    }

    @Test("compressed with gzip is read, and refused when it is damaged or cut short")
    func compressed() throws {
        let text = (1...200).map { line("net:misbehaving_connection", #"\#($0),"x""#, at: $0) }
            .joined(separator: "\n")
        let packed = try gzip(text)
        let events = try temporaryFile(packed) { try Capture.load($0, node: "a", probes: .core).events }
        #expect(events.map(\.line) == Array(1...200))

        for cut in [packed.count / 2, packed.count - 4] {
            let error = #expect(throws: CaptureError.self) {
                try temporaryFile(Array(packed[..<cut])) { try Capture.load($0, node: "a", probes: .core) }
            }
            #expect(error?.advice.contains("cut short or damaged") == true, "\(error?.description ?? "")")
        }
        var damaged = packed
        damaged[packed.count / 2] ^= 0x55
        #expect(throws: CaptureError.self) {
            try temporaryFile(damaged) { try Capture.load($0, node: "a", probes: .core) }
        }
    }
}
