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
    private let configuration: AgentConfiguration
    private let log: Logger
    private let folder: BPFFolder
    private let capture: CaptureObject
    private var binaries: [BinaryIdentity: AttachedBinary] = [:]
    private var processes: [UInt32: WatchedProcess] = [:]
    /// Slots whose process is gone, until the streamer has drained them.
    private var ended: Set<UInt32> = []
    /// Binaries that could not be read, as they were: one that is being copied has another stamp a moment later.
    private var refused: [BinaryIdentity: FileStamp] = [:]
    /// Index in the map of nodes by index in the configuration; a name keeps its index over restarts.
    private var nodeIndices: [UInt32] = []
    private var missingBinaries: Set<String> = []
    /// When the attacher before this one was last alive, or 0 when there was none.
    private let blindSince: UInt64
    private var readySaid = false

    private struct AttachedBinary {
        let path: String
        let links: [CaptureObject.Link]
    }

    private struct WatchedProcess {
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
        var error: Int32 = 0
        // CAP_BPF (39) or CAP_SYS_ADMIN (21).
        guard unsafe ps_effective_capabilities(&error) & (1 << 39 | 1 << 21) != 0 else {
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
        if let user = configuration.user { try folder.give(to: SystemUser(named: user)) }
    }

    /// Whether no attacher before this one has programs attached any more: two would write each event twice.
    ///
    /// One that was killed takes seconds to detach, and is there until it has.
    private static func awaitEnd(ofAttacherIn maps: CaptureMaps) -> Bool {
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
    private static func placeNodes(_ names: [String], in maps: CaptureMaps) throws -> [UInt32] {
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

    private static func raiseMemoryLimit() {
        var limit = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
        _ = unsafe setrlimit(__rlimit_resource_t(8), &limit)  // RLIMIT_MEMLOCK, for kernels before 5.11
    }

    /// Attaches and watches until `stop` says so.
    public func run(until stop: StopSignal) throws {
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
    private func adoptSlots() throws {
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
            let lives = [PS_SLOT_NEW, PS_SLOT_MATCHED, PS_SLOT_FOREIGN].contains {
                $0.rawValue == entry.state
            }
            if lives, entry.tgid == next { held.insert(slot) } else { stale.append(next) }
        }
        for process in stale { capture.maps.slotByProcess.remove(process) }
        for slot in 0..<UInt32(PS_SLOTS) {
            guard let entry = capture.maps.slots.value(slot) else { continue }
            switch entry.state {
            case PS_SLOT_MATCHED.rawValue: watch(slot, entry)
            case PS_SLOT_GONE.rawValue, PS_SLOT_EXITED.rawValue, PS_SLOT_DRAINED.rawValue: ended.insert(slot)
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

    // MARK: Binaries

    private func scanBinaries() throws {
        for path in Set(configuration.nodes.map(\.binary)) {
            guard let identity = Files.identity(path) else {
                if missingBinaries.insert(path).inserted {
                    log.notice("waiting for a binary that is not there yet", metadata: ["path": "\(path)"])
                }
                continue
            }
            missingBinaries.remove(path)
            try attach(identity, configured: path, through: path)
        }
    }

    private func attach(_ identity: BinaryIdentity, configured: String, through path: String) throws {
        guard binaries[identity] == nil, refused[identity] == nil || refused[identity] != FileStamp(path)
        else { return }
        let stamp = FileStamp(path)
        let notes: TracepointNotes
        do {
            notes = try TracepointNotes(path: path)
        } catch {
            refused[identity] = stamp
            log.error("cannot read a binary", metadata: ["path": "\(path)", "error": "\(error)"])
            return
        }
        guard !notes.sites.isEmpty else {
            refused[identity] = stamp
            log.error(
                "a binary has no tracepoints: it was built without USDT",
                metadata: ["path": "\(path)", "remedy": "use a release build, or build with -DWITH_USDT=ON"])
            return
        }
        var links: [CaptureObject.Link] = []
        var missing: [String] = []
        for tracepoint in Tracepoint.allCases where configuration.policy.mode(tracepoint) != .off {
            var entry = ps_journal()
            entry.dev = identity.device
            entry.inode = identity.inode
            entry.tracepoint = tracepoint.rawValue
            setFixedText(&entry.path, configured)
            switch notes.support(tracepoint) {
            case .missing:
                if !tracepoint.isPatchOnly { missing.append(tracepoint.name) }
                if tracepoint.isPatchOnly { continue }
                entry.kind = PS_JOURNAL_MISSING.rawValue
            case .unknownLayout(let why):
                log.error(
                    "cannot capture a tracepoint",
                    metadata: ["tracepoint": "\(tracepoint.name)", "why": "\(why)"])
                entry.kind = PS_JOURNAL_FAILED.rawValue
                setFixedText(&entry.detail, why)
            case .supported(let sites, let arguments, let semaphore, let layout):
                entry.sites = UInt32(sites)
                entry.arguments = UInt8(arguments)
                entry.semaphore = semaphore ? 1 : 0
                entry.layout = layout.rawValue
                do {
                    links.append(try capture.attach(tracepoint, path: path, layout: layout))
                    entry.kind = PS_JOURNAL_ATTACHED.rawValue
                    entry.from_ns = blindSince
                } catch {
                    // The first refusal of all is the kernel's answer to everything that follows.
                    if binaries.isEmpty, links.isEmpty { throw error }
                    log.error("cannot attach", metadata: ["error": "\(error)"])
                    entry.kind = PS_JOURNAL_FAILED.rawValue
                    setFixedText(&entry.detail, error.reason)
                }
            }
            try write(&entry)
        }
        binaries[identity] = AttachedBinary(path: configured, links: links)
        log.info(
            "attached",
            metadata: [
                "path": "\(configured)", "inode": "\(identity.inode)", "tracepoints": "\(links.count)",
                "missing": "\(missing.joined(separator: " "))",
            ])
    }

    private func write(_ entry: inout ps_journal) throws {
        guard var meta = capture.maps.meta.value(0) else { return }
        entry.at_ns = ps_monotonic_ns()
        // A sign of life too: the first look at all binaries takes long.
        meta.heartbeat_ns = entry.at_ns
        try capture.maps.journal.set(UInt32(meta.journal_head % UInt64(PS_JOURNAL)), entry)
        meta.journal_head += 1
        try capture.maps.meta.set(0, meta)
    }

    // MARK: Processes

    private func scanProcesses() throws {
        let paths = Set(configuration.nodes.map(\.binary))
        for name in Files.names(in: "/proc") {
            guard let pid = Int32(name) else { continue }
            let exe = "/proc/\(pid)/exe"
            guard let identity = Files.identity(exe) else { continue }
            if binaries[identity] == nil {
                // A replaced binary that still runs, or one inside a container: reached through the process.
                guard let target = Files.link(exe) else { continue }
                let path = target.hasSuffix(" (deleted)") ? String(target.dropLast(10)) : target
                guard paths.contains(path) else { continue }
                try attach(identity, configured: path, through: exe)
                guard binaries[identity] != nil else { continue }
            }
            reserveSlot(for: pid)
        }
    }

    /// Gives a process its slot before its first hit.
    private func reserveSlot(for pid: Int32) {
        let process = UInt32(pid)
        guard capture.maps.slotByProcess.value(process) == nil, let slot = capture.freeSlots.pop() else {
            return
        }
        var entry = capture.maps.slots.value(slot) ?? ps_slot()
        entry.tgid = process
        entry.state = PS_SLOT_NEW.rawValue
        entry.first_hit_ns = ps_monotonic_ns()
        do {
            try capture.maps.slots.set(slot, entry)
            try capture.maps.slotByProcess.set(process, slot, onlyIfAbsent: true)
        } catch {
            // Its first hit was faster.
            entry.state = PS_SLOT_FREE.rawValue
            try? capture.maps.slots.set(slot, entry)
            try? capture.freeSlots.push(slot)
        }
    }

    /// Tells new processes apart, and looks again at those that were nobody's: a pid file may appear late.
    private func judge() throws {
        var undecided = false
        var process: UInt32? = nil
        while let next = capture.maps.slotByProcess.key(after: process) {
            process = next
            guard let slot = capture.maps.slotByProcess.value(next),
                var entry = capture.maps.slots.value(slot)
            else {
                continue
            }
            guard entry.state == PS_SLOT_NEW.rawValue || entry.state == PS_SLOT_FOREIGN.rawValue else {
                continue
            }
            let pid = Int32(entry.tgid)
            guard let facts = ProcessFacts(pid) else {
                entry.state = PS_SLOT_GONE.rawValue
                entry.exited_ns = ps_monotonic_ns()
                try capture.maps.slots.set(slot, entry)
                capture.maps.slotByProcess.remove(next)
                ended.insert(slot)
                continue
            }
            let identity = Files.identity("/proc/\(pid)/exe")
            let binary = identity.flatMap { binaries[$0]?.path }
            let index = configuration.nodes.firstIndex { $0.binary == binary && $0.match.matches(pid) }
            let now = ps_monotonic_ns()
            if let index, let identity {
                if entry.state == PS_SLOT_FOREIGN.rawValue {
                    // What it did before it was nobody's was dropped, and is declared by its time.
                    try clearCounters(of: slot)
                    entry.foreign_ns = entry.first_hit_ns
                }
                entry.state = PS_SLOT_MATCHED.rawValue
                entry.node = nodeIndices[index]
                entry.start_ticks = facts.startTicks
                entry.matched_ns = now
                entry.dev = identity.device
                entry.inode = identity.inode
                setFixedText(&entry.exe, binary ?? "")
                try capture.maps.slots.set(slot, entry)
                watch(slot, entry)
                log.info(
                    "found a node's process",
                    metadata: ["node": "\(configuration.nodes[index].name)", "pid": "\(pid)"])
            } else if entry.state == PS_SLOT_NEW.rawValue {
                // A young process may not have written its pid file yet.
                if now < entry.first_hit_ns + 2_000_000_000 {
                    undecided = true
                } else {
                    entry.state = PS_SLOT_FOREIGN.rawValue
                    try capture.maps.slots.set(slot, entry)
                }
            }
        }
        if !undecided { try sayReady() }
    }

    private func sayReady() throws {
        guard !readySaid, var meta = capture.maps.meta.value(0) else { return }
        readySaid = true
        meta.ready_ns = ps_monotonic_ns()
        try capture.maps.meta.set(0, meta)
        log.info(
            "ready: attached, and every running process is classified",
            metadata: ["binaries": "\(binaries.count)", "processes": "\(processes.count)"])
    }

    private func watch(_ slot: UInt32, _ entry: ps_slot) {
        let pid = Int32(entry.tgid)
        var descriptor = ps_pidfd_open(pid)
        // Another process may have its number by now.
        if descriptor >= 0, ProcessFacts(pid)?.startTicks != entry.start_ticks {
            close(descriptor)
            descriptor = -1
        }
        processes[slot] = WatchedProcess(pid: pid, startTicks: entry.start_ticks, descriptor: descriptor)
    }

    private func waitForExits(milliseconds: Int32) {
        var watched: [pollfd] = []
        for process in processes.values where process.descriptor >= 0 {
            watched.append(pollfd(fd: process.descriptor, events: Int16(POLLIN), revents: 0))
        }
        _ = unsafe poll(&watched, nfds_t(watched.count), milliseconds)
        for (slot, process) in processes {
            let ended =
                process.descriptor >= 0
                ? watched.contains { $0.fd == process.descriptor && $0.revents != 0 }
                : ProcessFacts(process.pid)?.startTicks != process.startTicks
            if ended { end(slot, process) }
        }
    }

    private func end(_ slot: UInt32, _ process: WatchedProcess) {
        if process.descriptor >= 0 { close(process.descriptor) }
        processes[slot] = nil
        guard var entry = capture.maps.slots.value(slot) else { return }
        entry.state = PS_SLOT_EXITED.rawValue
        entry.exited_ns = ps_monotonic_ns()
        try? capture.maps.slots.set(slot, entry)
        capture.maps.slotByProcess.remove(entry.tgid)
        ended.insert(slot)
        log.info(
            "a node's process has ended",
            metadata: [
                "node": "\(capture.maps.nodes.value(entry.node).map { fixedText($0.name) } ?? "")",
                "pid": "\(process.pid)",
            ])
    }

    /// Frees the slots whose last counters the streamer has written.
    private func recycle() throws {
        for slot in ended {
            guard let entry = capture.maps.slots.value(slot), entry.state == PS_SLOT_DRAINED.rawValue else {
                continue
            }
            ended.remove(slot)
            try clearCounters(of: slot)
            var fresh = ps_slot()
            fresh.generation = entry.generation + 1
            try capture.maps.slots.set(slot, fresh)
            try capture.freeSlots.push(slot)
        }
    }

    private func clearCounters(of slot: UInt32) throws {
        for tracepoint in 0..<UInt32(PS_TRACEPOINTS) {
            try capture.maps.counters.setPerProcessor(
                slot * UInt32(PS_TRACEPOINTS) + tracepoint, ps_counters())
        }
    }

    private func beat() throws {
        guard var meta = capture.maps.meta.value(0) else { return }
        meta.heartbeat_ns = ps_monotonic_ns()
        try capture.maps.meta.set(0, meta)
    }
}
