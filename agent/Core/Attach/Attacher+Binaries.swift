import BPF
import CPlatform
import CRecord
import Glibc
import Logging
import Tracepoints

// Which files are the nodes' binaries now, and what is attached to each.
extension Attacher {
    func scanBinaries() throws {
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

    func attach(_ identity: BinaryIdentity, configured: String, through path: String) throws {
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
        for tracepoint in Tracepoint.allCases {
            var entry = ps_journal()
            entry.dev = identity.device
            entry.inode = identity.inode
            entry.tracepoint = tracepoint.rawValue
            entry.from_ns = blindSince
            setFixedText(&entry.path, configured)
            if configuration.policy.mode(tracepoint) == .off {
                // The attacher before this one may have captured it.
                guard blindSince != 0 else { continue }
                entry.kind = PS_JOURNAL_DETACHED.rawValue
                try write(&entry)
                continue
            }
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

    func write(_ entry: inout ps_journal) throws {
        guard var meta = capture.maps.meta.value(0) else { return }
        entry.at_ns = ps_monotonic_ns()
        // A sign of life too: the first look at all binaries takes long.
        meta.heartbeat_ns = entry.at_ns
        try capture.maps.journal.set(UInt32(meta.journal_head % UInt64(PS_JOURNAL)), entry)
        meta.journal_head += 1
        try capture.maps.meta.set(0, meta)
    }
}
