internal import CLibbpf
public import CRecord

/// The maps that attacher and streamer share through the BPF file system.
public struct CaptureMaps: Sendable {
    /// One entry: epoch, heartbeat, journal head.
    public let meta: PinnedMap<UInt32, ps_meta>
    /// Processes by slot.
    public let slots: PinnedMap<UInt32, ps_slot>
    /// Slot of a process, by thread-group id.
    public let slotByProcess: PinnedMap<UInt32, UInt32>
    /// Per processor, at slot × 32 + tracepoint.
    public let counters: PinnedMap<UInt32, ps_counters>
    /// Hits of processes without a slot, per processor, by tracepoint.
    public let slotless: PinnedMap<UInt32, UInt64>
    /// How many of those have been reported, by tracepoint; the streamer's.
    public let slotlessTold: PinnedMap<UInt32, UInt64>
    /// Capture mode and default snaplen by tracepoint.
    public let policy: PinnedMap<UInt32, ps_policy>
    /// Snaplen by direction and message type.
    public let snaplens: PinnedMap<ps_snaplen_key, UInt32>
    /// Node names by index.
    public let nodes: PinnedMap<UInt32, ps_node>
    /// What the attacher did, at index modulo its size.
    public let journal: PinnedMap<UInt32, ps_journal>

    /// Names of the pinned files, the ring among them.
    public static let names = [
        "ring", "slot_by_tgid", "slots", "free_slots", "counters", "slotless", "slotless_told", "policy",
        "snaplens", "meta", "nodes", "journal",
    ]

    /// Opens what an attacher has pinned in `directory`.
    public init(directory: String) throws(BPFError) {
        meta = try PinnedMap(path: directory + "/meta")
        guard let state = meta.value(0), state.layout_version == UInt64(PS_LAYOUT_VERSION) else {
            throw BPFError(
                doing: "opening the maps in \(directory)", reason: "they were made by another version",
                remedy: "start `peerscope-agent attach` of this version first")
        }
        slots = try PinnedMap(path: directory + "/slots")
        slotByProcess = try PinnedMap(path: directory + "/slot_by_tgid")
        counters = try PinnedMap(path: directory + "/counters")
        slotless = try PinnedMap(path: directory + "/slotless")
        slotlessTold = try PinnedMap(path: directory + "/slotless_told")
        policy = try PinnedMap(path: directory + "/policy")
        snaplens = try PinnedMap(path: directory + "/snaplens")
        nodes = try PinnedMap(path: directory + "/nodes")
        journal = try PinnedMap(path: directory + "/journal")
    }

    /// Sum over all processors of a slot's counters for one tracepoint.
    public func counters(slot: UInt32, tracepoint: UInt8) -> ps_counters {
        var sum = ps_counters()
        counters.perProcessor(slot * UInt32(PS_TRACEPOINTS) + UInt32(tracepoint)) { value in
            sum.submitted += value.submitted
            sum.counted += value.counted
            sum.lost_ring += value.lost_ring
            sum.lost_unreadable += value.lost_unreadable
        }
        return sum
    }
}

/// Text in a fixed C array: the bytes before the first NUL.
public func fixedText<T: BitwiseCopyable>(_ array: T) -> String {
    unsafe withUnsafeBytes(of: array) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// Puts `text` into a fixed C array, cut before its last byte so that a NUL always follows.
public func setFixedText<T: BitwiseCopyable>(_ array: inout T, _ text: String) {
    unsafe withUnsafeMutableBytes(of: &array) { bytes in
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
        for (index, byte) in text.utf8.prefix(bytes.count - 1).enumerated() { unsafe bytes[index] = byte }
    }
}
