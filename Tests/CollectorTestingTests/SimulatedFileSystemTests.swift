import ByteCodec
import CollectorTesting
import Glibc
import Spool
import Testing

@Suite("A simulated disk")
struct SimulatedFileSystemTests {
    let bytes = [UInt8](repeating: 7, count: 500)

    /// What a power failure leaves of a file, over many seeds.
    func survivors(_ prepare: (SimulatedFileSystem) throws -> Void) throws -> Set<[UInt8]?> {
        var found: Set<[UInt8]?> = []
        for seed in 1...60 {
            let disk = SimulatedFileSystem(seed: UInt64(seed))
            try disk.makeFolder("/a")
            try prepare(disk)
            disk.restart(after: .power)
            found.insert(disk.bytes(of: "/a/f"))
        }
        return found
    }

    @Test("keeps all that was synced, file and name, and any part of what was not")
    func sync() throws {
        let synced = try survivors { disk in
            let file = try disk.open("/a/f", .empty)
            try file.write(bytes.span.raw, at: 0)
            try file.sync()
            try disk.syncFolder("/a")
        }
        #expect(synced == [bytes])
        let unsynced = try survivors { disk in
            let file = try disk.open("/a/f", .empty)
            try disk.syncFolder("/a")
            try file.write(bytes.span.raw, at: 0)
        }
        #expect(unsynced.contains([]))
        #expect(unsynced.contains(bytes))
        #expect(unsynced.count > 5)
        let unnamed = try survivors { disk in
            let file = try disk.open("/a/f", .empty)
            try file.write(bytes.span.raw, at: 0)
            try file.sync()
        }
        #expect(unnamed == [bytes, nil])
    }

    @Test("leaves the old file or the new one when one is renamed over the other")
    func rename() throws {
        let found = try survivors { disk in
            let old = try disk.open("/a/f", .empty)
            try old.write([1].span.raw, at: 0)
            try old.sync()
            let new = try disk.open("/a/g", .empty)
            try new.write([2].span.raw, at: 0)
            try new.sync()
            try disk.syncFolder("/a")
            try disk.rename("/a/g", to: "/a/f")
        }
        #expect(found == [[1], [2]])
    }

    @Test("forgets what a failed sync should have written, as Linux does")
    func failedSync() throws {
        let found = try survivors { disk in
            let file = try disk.open("/a/f", .empty)
            try disk.syncFolder("/a")
            try file.sync()
            try file.write(bytes.span.raw, at: 0)
            disk.errors.oneIn = 1
            #expect(throws: SpoolError.self) { try file.sync() }
            disk.errors.oneIn = 0
            try file.sync()
            #expect(try file.read(at: 0, count: 500) == bytes)
        }
        #expect(found == [[]])
    }

    @Test("keeps its page cache when only the process ends, and closes its files")
    func process() throws {
        let disk = SimulatedFileSystem(seed: 1)
        try disk.makeFolder("/a")
        let file = try disk.open("/a/f", .empty)
        try file.write(bytes.span.raw, at: 0)
        disk.stop(at: disk.operations)
        #expect(throws: SpoolError.self) { try file.sync() }
        #expect(disk.isDown)
        disk.restart(after: .process)
        #expect(disk.bytes(of: "/a/f") == bytes)
        #expect(throws: SpoolError.self) { try file.size() }
    }

    @Test("refuses what does not fit, and what would change it when it is read-only")
    func refusals() throws {
        let disk = SimulatedFileSystem(seed: 1)
        try disk.makeFolder("/a")
        let file = try disk.open("/a/f", .empty)
        disk.errors.capacity = 100
        do {
            try file.write(bytes.span.raw, at: 0)
            Issue.record("500 bytes went into 100")
        } catch { #expect(error.code == ENOSPC) }
        #expect(try file.size() == 100)
        disk.errors.isReadOnly = true
        do {
            try disk.remove("/a/f")
            Issue.record("a read-only disk has changed")
        } catch { #expect(error.code == EROFS) }
        #expect(try disk.names(in: "/a") == ["f"])
    }
}
