import BPF
import CPlatform
import CProbes
import CRecord
import Glibc
import Testing
import Tracepoints

/// One after the other: programs that are attached see what any test of this process fires.
@Suite("Live in the kernel", .serialized)
struct LiveCaptureTests {}

/// The capture programs in this machine's kernel, attached to the probes in the tests' own executable, so that a test
/// fires what it likes from whichever thread and sees the records.
@safe final class LiveCapture {
    /// eBPF needs root.
    static let isPossible = getuid() == 0

    let object: CaptureObject
    let ring: RingReader
    private let folder: String
    private var links: [CaptureObject.Link] = []

    var maps: CaptureMaps { object.maps }

    /// Loads, attaches to messages of both directions, and keeps `snaplen` bytes of those without an entry in `snaplens`.
    init(snaplen: UInt32 = 65_536, snaplens: [String: UInt32] = [:]) throws {
        let root = "/sys/fs/bpf"
        if unsafe ps_is_bpffs(root) != 1 { _ = unsafe ps_mount_bpffs(root) }
        folder = root + "/peerscope-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        _ = unsafe mkdir(folder, 0o700)
        object = try CaptureObject(directory: folder)
        ring = try RingReader(path: folder + "/ring")
        for slot in 0..<UInt32(PS_SLOTS) { try object.freeSlots.push(slot) }
        let least = snaplens.values.reduce(snaplen, min)
        for tracepoint in [Tracepoint.inboundMessage, .outboundMessage] {
            for (type, bytes) in snaplens {
                var key = ps_snaplen_key()
                key.inbound = tracepoint == .inboundMessage ? 1 : 0
                setFixedText(&key.type, type)
                try maps.snaplens.set(key, bytes)
            }
            try maps.policy.set(
                UInt32(tracepoint.rawValue), ps_policy(mode: 2, snaplen: snaplen, least: least, reserved: 0))
            links.append(try object.attach(tracepoint, path: "/proc/self/exe", layout: []))
        }
    }

    deinit {
        links = []
        for name in CaptureMaps.names { _ = unsafe unlink(folder + "/" + name) }
        _ = unsafe rmdir(folder)
    }

    /// Reads what has come since the last time.
    func records() -> [MessageRecord] {
        var records: [MessageRecord] = []
        ring.drain(to: ring.producerPosition) { bytes, _ in
            records.append(MessageRecord(bytes))
            return true
        }
        ring.publish()
        return records
    }

    /// The slot that this process has.
    var slot: UInt32? { maps.slotByProcess.value(UInt32(getpid())) }

    /// Changes this process's slot, as the attacher does.
    func changeSlot(_ change: (inout ps_slot) -> Void) throws {
        guard let slot, var entry = maps.slots.value(slot) else { return }
        change(&entry)
        try maps.slots.set(slot, entry)
    }

    /// What became of hits, over all slots and both directions.
    func counters() -> ps_counters {
        var sum = ps_counters()
        for slot in 0..<UInt32(8) {
            for tracepoint in [Tracepoint.inboundMessage, .outboundMessage] {
                let counters = maps.counters(slot: slot, tracepoint: tracepoint.rawValue)
                sum.submitted += counters.submitted
                sum.lost_ring += counters.lost_ring
                sum.lost_unreadable += counters.lost_unreadable
            }
        }
        return sum
    }
}

/// A record of net:inbound_message or net:outbound_message.
struct MessageRecord: Equatable {
    let tracepoint: UInt8
    let slot: UInt32
    let peer: Int64
    let size: Int64
    let flags: UInt8
    let address: String
    let connectionType: String
    let messageType: String
    let payload: [UInt8]

    init(_ bytes: borrowing RawSpan) {
        let head = unsafe bytes.unsafeLoadUnaligned(as: ps_record.self)
        tracepoint = head.tracepoint
        slot = head.slot
        peer = head.number.0
        size = head.number.1
        flags = head.flags
        var areas: [Int] = []
        for index in 0..<UInt32(3) { areas.append(Int(ps_area_offset(UInt32(head.tracepoint), 1, index))) }
        address = Self.text(bytes, areas[0], head.string_length.0)
        connectionType = Self.text(bytes, areas[1], head.string_length.1)
        messageType = Self.text(bytes, areas[2], head.string_length.2)
        let begin = Int(ps_area_offset(UInt32(head.tracepoint), 2, 0))
        payload = (0..<Int(head.captured)).map {
            unsafe bytes.unsafeLoad(fromByteOffset: begin + $0, as: UInt8.self)
        }
    }

    private static func text(_ bytes: borrowing RawSpan, _ offset: Int, _ length: UInt16) -> String {
        let characters = (0..<Int(length)).map {
            unsafe bytes.unsafeLoad(fromByteOffset: offset + $0, as: UInt8.self)
        }
        return String(decoding: characters, as: UTF8.self)
    }
}

/// Text in memory of its own: it stays where it is when it changes. It is never given back, since a probe is given the
/// place alone, which keeps nobody alive.
@safe final class Place: @unchecked Sendable {
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String, capacity: Int = 320) {
        unsafe bytes = .allocate(capacity: capacity)
        change(text)
    }

    func change(_ text: String) {
        unsafe bytes.update(repeating: 0)
        for (index, byte) in unsafe text.utf8.prefix(bytes.count - 1).enumerated() {
            unsafe bytes[index] = byte
        }
    }

    var word: UInt64 { unsafe UInt64(UInt(bitPattern: bytes.baseAddress)) }
}

/// A message as a node would fire it.
struct FiredMessage: Sendable {
    var tracepoint = Tracepoint.inboundMessage
    var peer: Int64
    /// Where the address lies, or 0.
    var address: UInt64
    var connectionType: UInt64
    var messageType: UInt64
    var payload: [UInt8] = []

    /// Fires it. False when nobody was attached.
    @discardableResult
    func fire() -> Bool {
        unsafe payload.withUnsafeBytes { payload in
            let place = UInt64(UInt(bitPattern: payload.baseAddress))
            var time: UInt64 = 0
            let words = [
                UInt64(bitPattern: peer), address, connectionType, messageType, UInt64(payload.count), place,
            ]
            return unsafe cprobes_fire(UInt32(tracepoint.rawValue), words, &time) == 1
        }
    }
}
