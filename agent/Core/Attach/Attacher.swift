import BPF
import CPlatform
import CRecord
import Glibc
public import Logging
import Tracepoints

/// The privileged half of the agent: loads, attaches, judges processes. Parses nothing a peer has sent and
/// opens no socket.
///
/// One thread. It looks at `/proc` four times a second, at new processes within 20 ms, and learns of a process's
/// end from the kernel. What it does is written into pinned maps, where the streamer finds it.
public final class Attacher {
    let configuration: AgentConfiguration
    let log: Logger
    let folder: BPFFolder
    let capture: CaptureObject
    var binaries: [BinaryIdentity: AttachedBinary] = [:]
    var processes: [UInt32: WatchedProcess] = [:]
    /// Slots whose process is gone, until the streamer has drained them.
    var ended: Set<UInt32> = []
    /// Binaries that could not be read, as they were: one that is being copied has another stamp a moment later.
    var refused: [BinaryIdentity: FileStamp] = [:]
    /// Index in the map of nodes by index in the configuration; a name keeps its index over restarts.
    var nodeIndices: [UInt32] = []
    var missingBinaries: Set<String> = []
    /// When the attacher before this one was last alive, or 0 when there was none.
    let blindSince: UInt64
    var readySaid = false

    struct AttachedBinary {
        let path: String
        let links: [CaptureObject.Link]
    }

    struct WatchedProcess {
        let pid: Int32
        let startTicks: UInt64
        let descriptor: Int32
    }

    /// Loads the programs and prepares the maps; nothing is attached yet.
    public init(_ configuration: AgentConfiguration, log: Logger) throws {
        self.configuration = configuration
        self.log = log
        let doing = "starting the attacher"
        guard !configuration.nodes.isEmpty else {
            throw AgentError(doing: doing, reason: "no node is configured", remedy: "add one under `nodes`")
        }
        let held = Capabilities.effective
        guard held.contains(.bpf) || held.contains(.systemAdministration) else {
            throw AgentError(
                doing: doing, reason: "eBPF needs privileges that this user does not have",
                remedy: "start it with sudo, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN; "
                    + "`peerscope-agent check` tells more")
        }
        Self.raiseMemoryLimit()
        folder = try BPFFolder.prepare(configuration.pinFolder, log: log)
        capture = try CaptureObject(directory: folder.path)
        guard Self.awaitEnd(ofAttacherIn: capture.maps) else {
            throw AgentError(
                doing: doing,
                reason: "another process is already attached for agent \(configuration.agent)",
                remedy: "stop it first, or give this agent another name")
        }
        var meta = capture.maps.meta.value(0) ?? ps_meta()
        blindSince = meta.heartbeat_ns
        if meta.epoch == 0 { meta.epoch = UInt64.random(in: 1...UInt64(Int64.max)) }
        meta.layout_version = UInt64(PS_LAYOUT_VERSION)
        meta.attacher_pid = UInt64(getpid())
        meta.attacher_start = ProcessFacts(getpid())?.startTicks ?? 0
        meta.ready_ns = 0
        nodeIndices = try Self.placeNodes(configuration.nodes.map(\.name), in: capture.maps)
        meta.nodes = UInt64(PS_NODES)
        try capture.maps.meta.set(0, meta)
        try configuration.policy.install(in: capture.maps)
        if let user = configuration.user { try folder.give(to: SystemUser(named: user), log: log) }
    }

    /// Whether no attacher before this one has programs attached any more: two would write each event twice.
    ///
    /// One that was killed takes seconds to detach, and is there until it has.
    static func awaitEnd(ofAttacherIn maps: CaptureMaps) -> Bool {
        let heartbeat = maps.meta.value(0)?.heartbeat_ns
        for _ in 0..<200 {
            guard let meta = maps.meta.value(0), meta.attacher_pid != 0,
                meta.attacher_pid != UInt64(getpid()), let pid = Int32(exactly: meta.attacher_pid),
                let facts = ProcessFacts(pid), facts.startTicks == meta.attacher_start
            else { return true }
            guard meta.heartbeat_ns == heartbeat else { return false }
            usleep(50_000)
        }
        return false
    }

    /// Gives each name its index in the map of nodes: the one it had, or one that no slot refers to.
    static func placeNodes(_ names: [String], in maps: CaptureMaps) throws -> [UInt32] {
        var taken: [String: UInt32] = [:]
        for index in 0..<UInt32(PS_NODES) {
            guard let entry = maps.nodes.value(index) else { continue }
            let name = fixedText(entry.name)
            if !name.isEmpty { taken[name] = index }
        }
        var free = Set(0..<UInt32(PS_NODES)).subtracting(names.compactMap { taken[$0] })
        for slot in 0..<UInt32(PS_SLOTS) {
            guard let entry = maps.slots.value(slot) else { continue }
            if entry.state == PS_SLOT_MATCHED.rawValue || entry.state == PS_SLOT_EXITED.rawValue {
                free.remove(entry.node)
            }
        }
        let vacant = free.subtracting(taken.values).sorted() + free.intersection(taken.values).sorted()
        var next = vacant.makeIterator()
        return try names.map { name in
            if let index = taken[name] { return index }
            guard let index = next.next() else {
                throw AgentError(
                    doing: "starting the attacher", reason: "there is no room for node \(name)",
                    remedy: "wait until the processes of nodes that are no longer configured have ended")
            }
            var entry = ps_node()
            setFixedText(&entry.name, name)
            try maps.nodes.set(index, entry)
            return index
        }
    }

    static func raiseMemoryLimit() {
        var limit = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
        _ = unsafe setrlimit(__rlimit_resource_t(8), &limit)  // RLIMIT_MEMLOCK, for kernels before 5.11
    }

    /// Attaches and watches until `stop` says so. The process can do nothing else from here on, see
    /// ``Confinement``.
    public func run(until stop: StopSignal) throws {
        try Confinement.enter(keeping: Confinement.needed(for: configuration))
        try adoptSlots()
        var nextScan: UInt64 = 0
        while !stop.isRaised {
            let now = ps_monotonic_ns()
            if now >= nextScan {
                try scanBinaries()
                try scanProcesses()
                nextScan = now + 250_000_000
            }
            try judge()
            try recycle()
            try beat()
            waitForExits(milliseconds: 20)
        }
        try beat()
        log.info("detaching", metadata: ["agent": "\(configuration.agent)"])
    }

    /// What the maps already know, from an attacher before this one.
    ///
    /// It may have been killed between any two of its steps: a process may still lead to a slot it has left, and
    /// a slot may be on its way between its process and the queue.
    func adoptSlots() throws {
        var free: Set<UInt32> = []
        while let slot = capture.freeSlots.pop() { free.insert(slot) }
        var held: Set<UInt32> = []
        var stale: [UInt32] = []
        var process: UInt32? = nil
        while let next = capture.maps.slotByProcess.key(after: process) {
            process = next
            guard let slot = capture.maps.slotByProcess.value(next),
                let entry = capture.maps.slots.value(slot)
            else { continue }
            let living = [PS_SLOT_NEW, PS_SLOT_MATCHED, PS_SLOT_FOREIGN].map(\.rawValue)
            let isHeld = living.contains(entry.state) && entry.tgid == next
            if isHeld { held.insert(slot) } else { stale.append(next) }
        }
        for process in stale { capture.maps.slotByProcess.remove(process) }
        for slot in 0..<UInt32(PS_SLOTS) {
            guard let entry = capture.maps.slots.value(slot) else { continue }
            switch entry.state {
            case PS_SLOT_MATCHED.rawValue: watch(slot, entry)
            case PS_SLOT_GONE.rawValue, PS_SLOT_EXITED.rawValue, PS_SLOT_DRAINED.rawValue:
                ended.insert(slot)
            default: if !held.contains(slot) { free.insert(slot) }
            }
        }
        for slot in free.sorted() {
            if var entry = capture.maps.slots.value(slot), entry.state != PS_SLOT_FREE.rawValue {
                entry.state = PS_SLOT_FREE.rawValue
                try capture.maps.slots.set(slot, entry)
            }
            try capture.freeSlots.push(slot)
        }
    }
}
