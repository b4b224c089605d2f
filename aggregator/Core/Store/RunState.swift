internal import BitcoinP2P
internal import PostgreSQL

/// A thread of a process.
struct ThreadKey: Hashable {
    let run: Int64
    let tid: Int32
}

/// The latest span in which a thread was busy connecting a block: a row of `validation_window`.
struct ValidationWindow {
    let connectedAt: Int64
    let clk: Int32
    let startedAt: Int64
    /// The block; nil in rows of before it was kept.
    let hash: Hash256?
    var lastRemovalAt: Int64?
    /// Transactions that left the mempool because the block has them.
    var removed: Int32 = 0
    var isDirty = true

    static let columns = [
        "node_id", "run_id", "tid", "connected_ts", "clk", "start_ts", "last_removal_ts", "hash", "removed",
    ]

    func write(node: Int32, _ thread: ThreadKey, into rows: inout CopyBuffer) {
        rows.beginRow(columns: Int16(Self.columns.count))
        rows.int32(node)
        rows.int64(thread.run)
        rows.int32(thread.tid)
        rows.timestamp(unixMicroseconds: connectedAt)
        rows.int32(clk)
        rows.timestamp(unixMicroseconds: startedAt)
        rows.timestamp(unixMicroseconds: lastRemovalAt)
        if let hash { rows.bytea(hash.bytes) } else { rows.null() }
        rows.int32(removed)
    }
}

/// One life of a bitcoind process: the row of `process_run`, and what its sessions need.
final class RunState {
    let run: Int64
    var bootID: String?
    var pid: Int32?
    var startTicks: Int64?
    var startedAt: Int64?
    var exe: String?
    var dev: Int64?
    var inode: Int64?
    var exitedAt: Int64?
    var userAgent: String?
    var clock = NodeClock()
    /// What its last outbound feefilter said, in satoshi per 1000 virtual bytes, and when.
    var feeFloor: Int64?
    var feeFloorAt: Int64?
    /// The largest peer number that has a row: whoever is above it is certainly new.
    var largestPeer: Int64
    var isDirty = true

    init(_ run: Int64, largestPeer: Int64 = -1) {
        self.run = run
        self.largestPeer = largestPeer
    }

    static let columns = [
        "node_id", "run_id", "stream_id", "boot_id", "pid", "start_ticks", "started_at", "exe", "dev",
        "inode", "exited_at", "user_agent", "node_clock_lo_s", "node_clock_hi_s",
        "fee_floor", "fee_floor_at",
    ]

    func write(_ stream: StreamKey, into rows: inout CopyBuffer) {
        rows.beginRow(columns: Int16(Self.columns.count))
        rows.int32(stream.node)
        rows.int64(run)
        rows.int64(stream.stream)
        rows.uuid(bootID.flatMap { UUIDText.bytes($0) })
        rows.int32(pid)
        rows.int64(startTicks)
        rows.timestamp(unixMicroseconds: startedAt)
        rows.verbatim(exe)
        rows.int64(dev)
        rows.int64(inode)
        rows.timestamp(unixMicroseconds: exitedAt)
        rows.verbatim(userAgent)
        rows.double(clock.low)
        rows.double(clock.high)
        rows.int64(feeFloor)
        rows.timestamp(unixMicroseconds: feeFloorAt)
    }
}
