import CProbes
import CProbesV27
import Testing
import Tracepoints

@testable import TracepointReplayCore

extension NodeProbes {
    static var core: NodeProbes {
        unsafe NodeProbes(
            executable: "tracepoint-replay", sibling: "tracepoint-replay-v27",
            name: { unsafe cprobes_name($0).map { unsafe String(cString: $0) } },
            arguments: { unsafe cprobes_arguments($0).map { unsafe String(cString: $0) } },
            hasSemaphore: { cprobes_has_semaphore($0) != 0 }, fire: cprobes_fire)
    }

    static var v27: NodeProbes {
        unsafe NodeProbes(
            executable: "tracepoint-replay-v27", sibling: "tracepoint-replay",
            name: { unsafe cprobes_v27_name($0).map { unsafe String(cString: $0) } },
            arguments: { unsafe cprobes_v27_arguments($0).map { unsafe String(cString: $0) } },
            hasSemaphore: { cprobes_v27_has_semaphore($0) != 0 }, fire: cprobes_v27_fire)
    }
}

@Suite("The probes of the stand-in nodes")
struct NodeProbesTests {
    @Test("have the numbers and names of the catalogue", arguments: [NodeProbes.core, .v27])
    func names(of probes: NodeProbes) {
        #expect(probes.probes.map(\.name) == Tracepoint.allCases.map(\.name))
        for tracepoint in Tracepoint.allCases {
            #expect(probes.number(of: tracepoint.name) == Int(tracepoint.rawValue))
        }
    }

    @Test("have the arguments of the catalogue", arguments: Tracepoint.allCases)
    func arguments(of tracepoint: Tracepoint) {
        let types = NodeProbes.core[Int(tracepoint.rawValue)].arguments
        #expect(types.count == tracepoint.arguments.count)
        for (type, argument) in zip(types, tracepoint.arguments) {
            switch argument.kind {
            case .signed: #expect(type == .i64 || type == .i32, "\(argument.name)")
            case .unsigned: #expect(type == .u64 || type == .u32, "\(argument.name)")
            case .boolean: #expect(type == .boolean, "\(argument.name)")
            case .hash: #expect(type == .hash, "\(argument.name)")
            case .string: #expect(type == .text, "\(argument.name)")
            case .payload: #expect(type == .payload, "\(argument.name)")
            }
        }
    }

    @Test("before v29 replace with seven arguments and are otherwise the same")
    func older() {
        for (new, old) in zip(NodeProbes.core.probes, NodeProbes.v27.probes) {
            let left = new.name == "mempool:replaced" ? Array(new.arguments.dropLast()) : new.arguments
            // A std::chrono duration, which sys/sdt.h described as unsigned, became a signed count.
            var right = old.arguments
            if old.name == "validation:block_connected" { right[5] = .i64 }
            #expect(left == right, "\(new.name)")
        }
    }

    @Test("have semaphores from v29 on, except the patched ones")
    func semaphores() {
        for tracepoint in Tracepoint.allCases {
            let number = Int(tracepoint.rawValue)
            #expect(NodeProbes.core[number].hasSemaphore == !tracepoint.isPatchOnly)
            #expect(!NodeProbes.v27[number].hasSemaphore)
        }
    }

    @Test("say that nobody is attached, or that they cannot know")
    func outcome() throws {
        let line = #"{"node":"a","mono_ns":1,"probe":"mempool:rejected","args":["\#(hash)","full"]}"#
        for (probes, expected) in [(NodeProbes.core, Outcome.unobserved), (.v27, .unknown)] {
            var capture = Capture()
            try capture.add(Array(line.utf8), number: 1, node: "a", probes: probes)
            let before = MonotonicClock.now
            let (monotonic, outcome) = ArgumentMemory(capture.arguments).fire(capture.events[0], with: probes)
            #expect(outcome == expected)
            #expect(before...MonotonicClock.now ~= monotonic)
        }
    }
}

/// 32 bytes.
let hash = String(repeating: "0f", count: 32)
