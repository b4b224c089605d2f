/// What became of a tracepoint's probe in a process or binary.
public struct ProbeStatus: RawRepresentable, Sendable, Hashable {
    /// The byte on the wire.
    public let rawValue: UInt8
    /// A status from the byte on the wire.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Attached.
    public static let attached = ProbeStatus(rawValue: 0)
    /// The binary has no such probe.
    public static let missing = ProbeStatus(rawValue: 1)
    /// It is there, and attaching failed.
    public static let failed = ProbeStatus(rawValue: 2)
    /// It was attached and is no longer.
    public static let detached = ProbeStatus(rawValue: 3)
}

/// What is captured of a tracepoint.
public struct CaptureMode: RawRepresentable, Sendable, Hashable {
    /// The byte on the wire.
    public let rawValue: UInt8
    /// A mode from the byte on the wire.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Nothing.
    public static let off = CaptureMode(rawValue: 0)
    /// How often it fires.
    public static let count = CaptureMode(rawValue: 1)
    /// Every event with its arguments.
    public static let full = CaptureMode(rawValue: 2)
}
