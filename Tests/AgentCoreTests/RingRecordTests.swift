import ByteCodec
import CRecord
import CollectorProtocol
import Testing
import Tracepoints

@testable import AgentCore

@Suite struct RingRecordTests {
    @Test func theHeadIsReadWhereTheStructureHasIt() {
        #expect(RingRecordHead.monotonicAt == MemoryLayout<ps_record>.offset(of: \.mono_ns))
        #expect(RingRecordHead.slotAt == MemoryLayout<ps_record>.offset(of: \.slot))
        #expect(RingRecordHead.tidAt == MemoryLayout<ps_record>.offset(of: \.tid))
        #expect(RingRecordHead.tracepointAt == MemoryLayout<ps_record>.offset(of: \.tracepoint))
        #expect(RingRecordHead.flagsAt == MemoryLayout<ps_record>.offset(of: \.flags))
        #expect(RingRecordHead.stringLengthsAt == MemoryLayout<ps_record>.offset(of: \.string_length))
        #expect(RingRecordHead.capturedAt == MemoryLayout<ps_record>.offset(of: \.captured))
        #expect(RingRecordHead.numbersAt == MemoryLayout<ps_record>.offset(of: \.number))
    }

    @Test func aRecordShorterThanItsHeadIsRefused() {
        let bytes = [UInt8](repeating: 1, count: MemoryLayout<ps_record>.size - 1)
        #expect(throws: ByteCodecError.self) { try RingRecordHead(bytes.span.raw) }
    }

    @Test(arguments: Tracepoint.allCases) func theAreasLieWhereTheProgramsPutThem(tracepoint: Tracepoint) {
        var seen: [UInt32] = [0, 0, 0]
        var numbers = 0
        for place in EventLayouts.ring.places(of: tracepoint) {
            func area(_ kind: UInt32) -> Int {
                defer { seen[Int(kind)] += 1 }
                return Int(ps_area_offset(UInt32(tracepoint.rawValue), kind, seen[Int(kind)]))
            }
            switch place {
            case .signed(let at), .unsigned(let at), .boolean(let at):
                #expect(at == RingRecordHead.numbersAt + 8 * numbers)
                numbers += 1
            case .hash(let at): #expect(at == area(0))
            case .string(let at, let length):
                #expect(length == RingRecordHead.stringLengthsAt + 2 * Int(seen[1]))
                #expect(at == area(1))
            case .payload(let at, let length):
                #expect(length == RingRecordHead.capturedAt)
                #expect(at == area(2))
            }
        }
    }
}
