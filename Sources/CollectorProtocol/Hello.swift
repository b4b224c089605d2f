/// The agent's first frame: who it is, what streams it has, what it captures.
public struct Hello: FrameMessage {
    /// Its frame's type.
    public static let type = FrameType.hello
    /// `PSC1`, read as a little-endian integer.
    public static let magic: UInt32 = 0x3143_5350
    /// The only protocol version so far.
    public static let currentVersion: UInt16 = 1

    /// Where the events come from.
    public enum Source: UInt8, Sendable {
        /// eBPF programs in the kernel.
        case ebpf = 0
        /// A recorded capture file.
        case capture = 1
    }

    /// A node and its stream.
    public struct Node: Sendable, Equatable {
        /// The node's name.
        public var name: String
        /// The stream's id, 1 … 2⁶³−1.
        public var streamID: UInt64
        /// The number that the next record will get.
        public var nextSequence: UInt64
        /// The oldest number in the spool, or 0 when it is empty.
        public var oldestSequence: UInt64

        /// A node and its stream.
        public init(name: String, streamID: UInt64, nextSequence: UInt64, oldestSequence: UInt64) {
            self.name = name
            self.streamID = streamID
            self.nextSequence = nextSequence
            self.oldestSequence = oldestSequence
        }
    }

    /// What became of a node's probe.
    public struct Probe: Sendable, Equatable {
        /// The node's name.
        public var node: String
        /// The number of the `Tracepoint`.
        public var tracepoint: UInt8
        /// Attached, missing or failed.
        public var status: ProbeStatus
        /// Arguments in the ELF note.
        public var arguments: UInt8
        /// Places in the code that fire it.
        public var sites: UInt16

        /// A probe's fate.
        public init(node: String, tracepoint: UInt8, status: ProbeStatus, arguments: UInt8, sites: UInt16) {
            self.node = node
            self.tracepoint = tracepoint
            self.status = status
            self.arguments = arguments
            self.sites = sites
        }
    }

    /// The capture policy of a tracepoint.
    public struct Policy: Sendable, Equatable {
        /// The number of the `Tracepoint`.
        public var tracepoint: UInt8
        /// Off, count or full.
        public var mode: CaptureMode

        /// A tracepoint's policy.
        public init(tracepoint: UInt8, mode: CaptureMode) {
            self.tracepoint = tracepoint
            self.mode = mode
        }
    }

    /// The lowest version the agent speaks.
    public var minimumVersion: UInt16
    /// The highest version the agent speaks.
    public var maximumVersion: UInt16
    /// The agent's id, under the rule of ``NodeName``.
    public var agentID: String
    /// The agent's software version.
    public var agentVersion: String
    /// The kernel's release.
    public var kernel: String
    /// The boot of the agent's host.
    public var bootID: BootID
    /// Where the events come from.
    public var source: Source
    /// The nodes and their streams.
    public var nodes: [Node]
    /// The probe report.
    public var probes: [Probe]
    /// The capture policy.
    public var policy: [Policy]

    /// A greeting in the current version.
    public init(
        agentID: String, agentVersion: String, kernel: String, bootID: BootID, source: Source, nodes: [Node],
        probes: [Probe] = [], policy: [Policy] = []
    ) {
        minimumVersion = Self.currentVersion
        maximumVersion = Self.currentVersion
        self.agentID = agentID
        self.agentVersion = agentVersion
        self.kernel = kernel
        self.bootID = bootID
        self.source = source
        self.nodes = nodes
        self.probes = probes
        self.policy = policy
    }
}
