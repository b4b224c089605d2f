import CRecord
import Testing
import Tracepoints

@Suite("The record layout in C and the catalogue in Swift")
struct RecordLayoutTests {
    @Test(
        "put every hash, string and payload of every tracepoint in the same place",
        arguments: Tracepoint.allCases)
    func areas(_ tracepoint: Tracepoint) {
        var offset = MemoryLayout<ps_record>.size
        var hashes: UInt32 = 0
        for argument in tracepoint.arguments where argument.kind == .hash {
            #expect(ps_area_offset(UInt32(tracepoint.rawValue), 0, hashes) == offset)
            hashes += 1
            offset += 32
        }
        var strings: UInt32 = 0
        for argument in tracepoint.arguments {
            guard case .string(let capacity) = argument.kind else { continue }
            #expect(ps_area_offset(UInt32(tracepoint.rawValue), 1, strings) == offset)
            strings += 1
            offset += capacity
        }
        if tracepoint.arguments.contains(where: { $0.kind == .payload }) {
            #expect(ps_area_offset(UInt32(tracepoint.rawValue), 2, 0) == offset)
        }
        #expect(ps_record_size(UInt32(tracepoint.rawValue)) == offset)
    }

    @Test("have room for every integer argument and every string length")
    func room() {
        for tracepoint in Tracepoint.allCases {
            let numbers = tracepoint.arguments.count { [.signed, .unsigned, .boolean].contains($0.kind) }
            let strings = tracepoint.arguments.count { if case .string = $0.kind { true } else { false } }
            #expect(numbers <= 6)
            #expect(strings <= 3)
            #expect(Int(tracepoint.rawValue) < Int(PS_TRACEPOINTS))
        }
    }

    @Test("agree on the capacities of strings")
    func capacities() {
        #expect(StringCapacity.address == Int(PS_ADDRESS))
        #expect(StringCapacity.connectionType == Int(PS_CONNECTION_TYPE))
        #expect(StringCapacity.messageType == Int(PS_MESSAGE_TYPE))
        #expect(StringCapacity.reason == Int(PS_REASON))
        #expect(StringCapacity.wallet == Int(PS_WALLET))
        #expect(StringCapacity.algorithm == Int(PS_ALGORITHM))
    }
}
