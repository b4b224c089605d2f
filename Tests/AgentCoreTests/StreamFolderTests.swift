import ByteCodec
import CollectorProtocol
import CollectorTesting
import Foundation
import Spool
import Testing

@testable import AgentCore

@Suite("A stream's folder")
struct StreamFolderTests {
    let state = TemporaryFolder.path("state")

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

    @Test("uses no number twice when its lease is gone, and says which it skips")
    func lostLease() throws {
        let first = try StreamFolder(state: state, node: "n1")
        #expect(try first.take(5) == 1)
        try FileManager.default.removeItem(atPath: state + "/nodes/n1/lease")
        let second = try StreamFolder(state: state, node: "n1")
        #expect(second.streamID == first.streamID)
        #expect(second.nextSequence == 1 + StreamFolder.lostLeaseLength)
        #expect(second.skipped == 1...StreamFolder.lostLeaseLength)
    }

    @Test("reads its id from the spool when the file is gone, and makes none when it cannot be read")
    func lostID() throws {
        let disk = SimulatedFileSystem(seed: 1)
        func open() throws -> StreamFolder { try StreamFolder(state: "/state", node: "n1", fileSystem: disk) }
        let first = try open()
        var builder = BatchBuilder(node: "n1", streamID: first.streamID, bootID: .zero)
        builder.setClock(clk: 1, baseMonotonic: 1, baseRealtime: 1)
        ControlRecord.processExit(.init(exitedMonotonic: 1)).encode(into: &builder, run: 1, monotonic: 1)
        var bytes = ByteWriter()
        let header = builder.seal(firstSequence: try first.take(1), ringEpoch: 1, ringEnd: 1, into: &bytes)
        try first.spool.append(header, bytes.bytes.span.raw)
        try disk.remove("/state/nodes/n1/stream")
        #expect(try open().streamID == first.streamID)
        disk.errors.areReadsRefused = true
        #expect(throws: SpoolError.self) { try open() }
        disk.errors.areReadsRefused = false
        #expect(try open().streamID == first.streamID)
    }

    @Test("gives no number out again after a stop that could not be written down")
    func failedStop() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let folder = try StreamFolder(state: "/state", node: "n1", fileSystem: disk)
        _ = try folder.take(5)
        // The new lease is there, and only the folder's sync fails.
        disk.stop(at: disk.operations + 4)
        #expect(throws: SpoolError.self) { try folder.close() }
        disk.restart(after: .process)
        let again = try StreamFolder(state: "/state", node: "n1", fileSystem: disk)
        #expect(try again.take(1) >= 6)
    }
}
