import BPF
import CProbes
import CRecord
import Glibc
import Testing
import Tracepoints

extension LiveCaptureTests {
    @Suite(
        "A message in the kernel", .serialized, .enabled(if: LiveCapture.isPossible, "eBPF needs root"))
    struct MessageCaptureTests {
        private let address = Place("203.0.113.5:8333")
        private let inbound = Place("inbound")

        private func message(_ type: Place, _ payload: [UInt8]) -> FiredMessage {
            FiredMessage(
                peer: 1, address: address.word, connectionType: inbound.word, messageType: type.word,
                payload: payload)
        }

        private static func payload(_ size: Int) -> [UInt8] {
            (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 8) }
        }

        @Test("keeps as much as its type is to have, whatever class its record is of")
        func snaplens() throws {
            let capture = try LiveCapture(
                snaplen: 5000, snaplens: ["block": 256, "headers": 20_000, "tx": 0])
            let kinds: [(type: String, most: Int)] = [
                ("block", 256), ("headers", 20_000), ("tx", 0), ("inv", 5000), ("getcfheaders", 5000),
                ("", 5000),
            ]
            let sizes = [
                0, 1, 37, 64, 65, 255, 256, 257, 1024, 1025, 2048, 2049, 4096, 4097, 5000, 5001, 16_384,
                16_385,
                20_000,
                20_001, 70_000,
            ]
            for (type, most) in kinds {
                let place = Place(type)
                for size in sizes { message(place, Self.payload(size)).fire() }
                let records = capture.records()
                #expect(records.map(\.size) == sizes.map(Int64.init))
                for record in records {
                    #expect(record.messageType == type)
                    #expect(
                        record.payload == Array(Self.payload(Int(record.size)).prefix(most)),
                        "\(type), \(record.size)")
                    #expect(
                        record.address == "203.0.113.5:8333" && record.connectionType == "inbound"
                            && record.flags == 0)
                }
            }
        }

        @Test("is kept without its payload when that cannot be read, and says so")
        func unreadablePayload() throws {
            let capture = try LiveCapture()
            let type = Place("ping")
            let words: [UInt64] = [1, address.word, inbound.word, type.word, 8, 8]
            var time: UInt64 = 0
            _ = unsafe words.withUnsafeBufferPointer { words in
                unsafe words.baseAddress.map { unsafe cprobes_fire(1, $0, &time) }
            }
            let records = capture.records()
            #expect(records.map(\.flags) == [UInt8(PS_PAYLOAD_UNREADABLE.rawValue)])
            #expect(records.map(\.payload) == [[]])
            #expect(records.map(\.size) == [8])
        }

        @Test("marks a type that is too long, at the end of readable memory too")
        func types() throws {
            let capture = try LiveCapture()
            let page = Int(sysconf(Int32(_SC_PAGESIZE)))
            guard
                let pages = unsafe mmap(
                    nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                unsafe pages != MAP_FAILED
            else {
                Issue.record("no memory")
                return
            }
            defer { unsafe munmap(pages, 2 * page) }
            unsafe mprotect(pages + page, page, PROT_NONE)
            let edge = unsafe (pages + page).assumingMemoryBound(to: UInt8.self)
            for (offset, byte) in "ping\0".utf8.enumerated() { unsafe edge[offset - 5] = byte }
            var fired = message(Place(String(repeating: "t", count: 20)), [1])
            fired.fire()
            fired.messageType = unsafe UInt64(UInt(bitPattern: edge - 5))
            fired.fire()
            let records = capture.records()
            #expect(records.map(\.messageType) == [String(repeating: "t", count: 15), "ping"])
            #expect(records.map(\.flags) == [UInt8(PS_STRING_CUT.rawValue), 0])
        }

        @Test("of a process that is nobody's leaves no record, and of one that became ours does")
        func verdicts() throws {
            let capture = try LiveCapture()
            let fired = message(Place("ping"), [1])
            fired.fire()
            fired.fire()
            try capture.changeSlot { $0.state = PS_SLOT_FOREIGN.rawValue }
            fired.fire()
            try capture.changeSlot { $0.state = PS_SLOT_MATCHED.rawValue }
            fired.fire()
            #expect(capture.records().count == 3)
            #expect(capture.counters().submitted == 3)
        }

        @Test("is counted as lost when the ring is full, and every hit is in one counter")
        func fullRing() throws {
            let capture = try LiveCapture()
            let fired = message(Place("tx"), Self.payload(60_000))
            for _ in 0..<400 { fired.fire() }
            let counters = capture.counters()
            #expect(counters.lost_ring > 0)
            #expect(counters.submitted + counters.lost_ring == 400)
            #expect(capture.records().count == Int(counters.submitted))
        }

        @Test("wakes the reader once half a MiB waits, and not before", arguments: [1, 1200, 3000, 60_000])
        func wakes(_ size: Int) throws {
            let capture = try LiveCapture()
            let fired = message(Place("tx"), Self.payload(size))
            capture.ring.wait(milliseconds: 0)
            for _ in 0..<3 {
                let begin = capture.ring.producerPosition
                var position = begin
                while position - begin < 400_000 {
                    fired.fire()
                    position = capture.ring.producerPosition
                }
                #expect(Self.milliseconds { capture.ring.wait(milliseconds: 100) } >= 90)
                while position - begin < 524_288 + 2 * 65_536 + 70_000 {
                    fired.fire()
                    position = capture.ring.producerPosition
                }
                #expect(Self.milliseconds { capture.ring.wait(milliseconds: 5000) } < 2000)
                _ = capture.records()
            }
        }

        private static func milliseconds(_ body: () -> Void) -> Int {
            func now() -> Int {
                var time = timespec()
                _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
                return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
            }
            let begin = now()
            body()
            return now() - begin
        }
    }
}
