internal import ByteCodec

/// A bitcoind process was recognised as the node; a run begins.
public struct ProcessStart: Sendable, Equatable {
    /// Its process id on the host.
    public var pid: UInt64
    /// Field 22 of `/proc/PID/stat`: clock ticks from boot to its start.
    public var startTicks: UInt64
    /// Its start in CLOCK_MONOTONIC nanoseconds.
    public var startedMonotonic: UInt64
    /// Path of its executable.
    public var executable: String
    /// Device of the executable.
    public var device: UInt64
    /// Inode of the executable.
    public var inode: UInt64

    /// The record with these fields.
    public init(
        pid: UInt64, startTicks: UInt64, startedMonotonic: UInt64, executable: String, device: UInt64,
        inode: UInt64
    ) {
        self.pid = pid
        self.startTicks = startTicks
        self.startedMonotonic = startedMonotonic
        self.executable = executable
        self.device = device
        self.inode = inode
    }

    func encode(into builder: inout BatchBuilder) {
        builder.unsigned(pid)
        builder.unsigned(startTicks)
        builder.unsigned(startedMonotonic)
        builder.string(executable)
        builder.unsigned(device)
        builder.unsigned(inode)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader, _ batch: borrowing BatchReader) throws(ByteCodecError) {
        pid = try body.varint()
        startTicks = try body.varint()
        startedMonotonic = try body.varint()
        executable = try batch.text(&body)
        device = try body.varint()
        inode = try body.varint()
    }
}

/// The process of this run is gone.
public struct ProcessExit: Sendable, Equatable {
    /// When, in CLOCK_MONOTONIC nanoseconds.
    public var exitedMonotonic: UInt64

    /// The record with these fields.
    public init(exitedMonotonic: UInt64) {
        self.exitedMonotonic = exitedMonotonic
    }

    func encode(into builder: inout BatchBuilder) {
        builder.unsigned(exitedMonotonic)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        exitedMonotonic = try body.varint()
    }
}

/// A probe was attached, is missing, failed, or was detached.
public struct ProbeReport: Sendable, Equatable {
    /// The number of the `Tracepoint`.
    public var tracepoint: UInt8
    /// What became of it.
    public var status: ProbeStatus
    /// When, in CLOCK_MONOTONIC nanoseconds.
    public var atMonotonic: UInt64
    /// Arguments in the ELF note.
    public var argumentCount: UInt8
    /// Places in the code that fire it.
    public var sites: UInt64
    /// Whether it has a semaphore.
    public var semaphore: Bool
    /// Which older argument layout it has; bits of the agent's.
    public var layoutFlags: UInt8
    /// Device of the executable.
    public var device: UInt64
    /// Inode of the executable.
    public var inode: UInt64
    /// Path of the executable.
    public var path: String
    /// What went wrong, or nothing.
    public var detail: String

    /// The record with these fields.
    public init(
        tracepoint: UInt8, status: ProbeStatus, atMonotonic: UInt64, argumentCount: UInt8, sites: UInt64,
        semaphore: Bool, layoutFlags: UInt8, device: UInt64, inode: UInt64, path: String, detail: String
    ) {
        self.tracepoint = tracepoint
        self.status = status
        self.atMonotonic = atMonotonic
        self.argumentCount = argumentCount
        self.sites = sites
        self.semaphore = semaphore
        self.layoutFlags = layoutFlags
        self.device = device
        self.inode = inode
        self.path = path
        self.detail = detail
    }

    func encode(into builder: inout BatchBuilder) {
        builder.byte(tracepoint)
        builder.byte(status.rawValue)
        builder.unsigned(atMonotonic)
        builder.byte(argumentCount)
        builder.unsigned(sites)
        builder.boolean(semaphore)
        builder.byte(layoutFlags)
        builder.unsigned(device)
        builder.unsigned(inode)
        builder.string(path)
        builder.string(detail)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader, _ batch: borrowing BatchReader) throws(ByteCodecError) {
        tracepoint = try body.u8()
        status = ProbeStatus(rawValue: try body.u8())
        atMonotonic = try body.varint()
        argumentCount = try body.u8()
        sites = try body.varint()
        semaphore = try body.u8() != 0
        layoutFlags = try body.u8()
        device = try body.varint()
        inode = try body.varint()
        path = try batch.text(&body)
        detail = try batch.text(&body)
    }
}
