import BPF
import CPlatform
import CRecord
import Glibc
import Logging
import Tracepoints

// Which process is which node, from its start to its end.
extension Attacher {
    func scanProcesses() throws {
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
    func reserveSlot(for pid: Int32) {
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
    func judge() throws {
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

    func sayReady() throws {
        guard !readySaid, var meta = capture.maps.meta.value(0) else { return }
        readySaid = true
        meta.ready_ns = ps_monotonic_ns()
        try capture.maps.meta.set(0, meta)
        log.info(
            "ready: attached, and every running process is classified",
            metadata: ["binaries": "\(binaries.count)", "processes": "\(processes.count)"])
    }

    func watch(_ slot: UInt32, _ entry: ps_slot) {
        let pid = Int32(entry.tgid)
        var descriptor = ps_pidfd_open(pid)
        // Another process may have its number by now.
        if descriptor >= 0, ProcessFacts(pid)?.startTicks != entry.start_ticks {
            close(descriptor)
            descriptor = -1
        }
        processes[slot] = WatchedProcess(pid: pid, startTicks: entry.start_ticks, descriptor: descriptor)
    }

    func waitForExits(milliseconds: Int32) {
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

    func end(_ slot: UInt32, _ process: WatchedProcess) {
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
    func recycle() throws {
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

    func clearCounters(of slot: UInt32) throws {
        for tracepoint in 0..<UInt32(PS_TRACEPOINTS) {
            try capture.maps.counters.setPerProcessor(
                slot * UInt32(PS_TRACEPOINTS) + tracepoint, ps_counters())
        }
    }

    func beat() throws {
        guard var meta = capture.maps.meta.value(0) else { return }
        meta.heartbeat_ns = ps_monotonic_ns()
        try capture.maps.meta.set(0, meta)
    }
}
