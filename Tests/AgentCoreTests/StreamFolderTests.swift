import CollectorProtocol
import Foundation
import Testing

@testable import AgentCore

@Suite("A stream's folder")
struct StreamFolderTests {
    let state = FileManager.default.temporaryDirectory.appending(path: "state-\(UUID())").path()

    @Test("keeps its id, and goes on without a hole after a clean stop")
    func clean() throws {
        let first = try StreamFolder(state: state, node: "n1")
        #expect(try first.take(5) == 1)
        try first.close()
        let second = try StreamFolder(state: state, node: "n1")
        #expect(second.streamID == first.streamID)
        #expect(second.nextSequence == 6)
        #expect(second.skipped == nil)
    }

    @Test("never gives a number twice after an unclean stop, and knows what it skips")
    func unclean() throws {
        let first = try StreamFolder(state: state, node: "n1")
        _ = try first.take(5)
        let second = try StreamFolder(state: state, node: "n1")
        #expect(second.nextSequence == 1 + StreamFolder.leaseLength)
        #expect(second.skipped == 1...StreamFolder.leaseLength)
        #expect(try second.take(1) == 1 + StreamFolder.leaseLength)
        let third = try StreamFolder(state: state, node: "n1")
        #expect(third.nextSequence == 1 + 2 * StreamFolder.leaseLength)
    }

    @Test("renews its lease before it is used up")
    func renewal() throws {
        let folder = try StreamFolder(state: state, node: "n1")
        _ = try folder.take(Int(StreamFolder.leaseLength) + 10)
        let next = folder.nextSequence
        let again = try StreamFolder(state: state, node: "n1")
        #expect(again.nextSequence >= next)
    }

    @Test("jumps past what the aggregator already has")
    func jump() throws {
        let folder = try StreamFolder(state: state, node: "n1")
        try folder.jump(past: 1000)
        #expect(folder.nextSequence == 1001)
        try folder.jump(past: 10)
        #expect(folder.nextSequence == 1001)
    }

    @Test("gives equal runs to equal processes only")
    func runs() {
        let one = RunID.make(streamID: 1, bootID: .zero, pid: 2, startTicks: 3)
        #expect(one == RunID.make(streamID: 1, bootID: .zero, pid: 2, startTicks: 3))
        #expect(one != RunID.make(streamID: 2, bootID: .zero, pid: 2, startTicks: 3))
        #expect(one != RunID.make(streamID: 1, bootID: .zero, pid: 3, startTicks: 3))
        #expect(one != RunID.make(streamID: 1, bootID: .zero, pid: 2, startTicks: 4))
        #expect(one < 1 << 63)
    }
}
