internal import CLibbpf
internal import CaptureProgram
import Glibc
public import Tracepoints

/// The capture programs in the kernel, with their maps pinned in a folder of the BPF file system.
///
/// Belongs to one thread. Links live as long as this object or its process.
@safe
public final class CaptureObject {
    private let object: OpaquePointer
    /// The shared maps.
    public let maps: CaptureMaps
    /// Slots that no process holds.
    public let freeSlots: PinnedQueue

    /// A program attached to all sites of one tracepoint in one binary.
    @safe
    public final class Link {
        private let link: OpaquePointer
        init(_ link: OpaquePointer) { unsafe self.link = link }
        deinit { unsafe _ = bpf_link__destroy(link) }
    }

    /// Loads the programs; maps already pinned in `directory` are taken over, others are made and pinned.
    public init(directory: String) throws(BPFError) {
        LibbpfLog.install()
        var options = unsafe bpf_object_open_opts()
        unsafe options.sz = MemoryLayout<bpf_object_open_opts>.size
        let image = CaptureProgram.object()
        let opened: OpaquePointer? = unsafe directory.withCString { root in
            unsafe options.pin_root_path = root
            return unsafe "capture".withCString { name in
                unsafe options.object_name = name
                return unsafe image.withUnsafeBytes {
                    unsafe bpf_object__open_mem($0.baseAddress, $0.count, &options)
                }
            }
        }
        guard let object = unsafe opened else {
            throw BPFError(doing: "reading the capture programs", errno: errno)
        }
        do throws(BPFError) {
            _ = try BPFError.check("loading the capture programs into the kernel") {
                unsafe bpf_object__load(object)
            }
            maps = try CaptureMaps(unchecked: directory)
        } catch {
            let detail = LibbpfLog.take()
            unsafe bpf_object__close(object)
            throw detail.isEmpty
                ? error
                : BPFError(
                    doing: error.doing, reason: error.reason + " (libbpf: \(detail))", remedy: error.remedy)
        }
        unsafe self.object = object
        freeSlots = PinnedQueue(
            descriptor: unsafe bpf_object__find_map_fd_by_name(object, "free_slots"), name: "free_slots")
    }

    deinit { unsafe bpf_object__close(object) }

    /// Attaches the program of `tracepoint` to all its sites in the binary at `path`, for every process of it.
    public func attach(
        _ tracepoint: Tracepoint, path: String, layout: TracepointLayout
    ) throws(BPFError) -> Link {
        let doing = "attaching to \(tracepoint.name) in \(path)"
        guard let program = unsafe bpf_object__find_program_by_name(object, Self.program(tracepoint)) else {
            throw BPFError(doing: doing, reason: "there is no program for it")
        }
        var options = bpf_usdt_opts()
        options.sz = MemoryLayout<bpf_usdt_opts>.size
        options.usdt_cookie = UInt64(layout.rawValue)
        _ = LibbpfLog.take()
        guard
            let link = unsafe bpf_program__attach_usdt(
                program, -1, path, tracepoint.provider, tracepoint.probe, &options)
        else {
            let code = errno
            let error = BPFError(doing: doing, errno: code)
            let detail = LibbpfLog.take()
            throw BPFError(
                doing: doing, reason: detail.isEmpty ? error.reason : "\(error.reason) (libbpf: \(detail))",
                remedy: error.remedy)
        }
        return unsafe Link(link)
    }

    /// The program's name in `capture.bpf.c`; the kernel keeps fifteen characters of it.
    static func program(_ tracepoint: Tracepoint) -> String {
        switch tracepoint {
        case .inboundMessage: "inbound_message"
        case .outboundMessage: "outbound_message"
        case .inboundConnection: "inbound_connection"
        case .outboundConnection: "outbound_connection"
        case .evictedInboundConnection: "evicted_inbound_connection"
        case .closedConnection: "closed_connection"
        case .misbehavingConnection: "misbehaving_connection"
        case .blockConnected: "block_connected"
        case .utxocacheFlush: "utxocache_flush"
        case .utxocacheAdd: "utxocache_add"
        case .utxocacheSpent: "utxocache_spent"
        case .utxocacheUncache: "utxocache_uncache"
        case .selectedCoins: "selected_coins"
        case .normalCreateTx: "normal_create_tx"
        case .attemptingAPSCreateTx: "attempting_aps"
        case .apsCreateTx: "aps_create_tx"
        case .mempoolAdded: "mempool_added"
        case .mempoolRemoved: "mempool_removed"
        case .mempoolReplaced: "mempool_replaced"
        case .mempoolRejected: "mempool_rejected"
        case .addrmanAttemptAdd: "addrman_attempt_add"
        case .addrmanMoveToGood: "addrman_move_to_good"
        }
    }
}

extension CaptureMaps {
    /// As ``init(directory:)``, for the attacher that has just made them and writes the version itself.
    init(unchecked directory: String) throws(BPFError) {
        meta = try PinnedMap(path: directory + "/meta")
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
}
