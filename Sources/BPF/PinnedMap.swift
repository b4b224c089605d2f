import CLibbpf
import Glibc

/// A BPF map opened from the BPF file system or taken from a loaded object.
///
/// Keys and values are C structures of `record.h`, or integers: trivial types of the map's exact size.
public final class PinnedMap<Key: BitwiseCopyable, Value: BitwiseCopyable>: @unchecked Sendable {
    let descriptor: Int32
    private let name: String
    private let ownsDescriptor: Bool

    /// Opens the map pinned at `path`. Needs read and write permission on the file, and no capability.
    public init(path: String) throws(BPFError) {
        descriptor = unsafe bpf_obj_get(path)
        guard descriptor >= 0 else { throw Self.refusal(path, errno) }
        name = path
        ownsDescriptor = true
    }

    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
        ownsDescriptor = false
    }

    private static func refusal(_ path: String, _ code: Int32) -> BPFError {
        let doing = "opening the pinned map \(path)"
        let reason = unsafe String(cString: strerror(code))
        switch code {
        case EACCES:
            return BPFError(
                doing: doing, reason: reason,
                remedy:
                    "it belongs to the `user` that `attach` was told of: start as that user, or change `user` "
                    + "and restart both")
        case EPERM:
            return BPFError(
                doing: doing, reason: reason,
                remedy:
                    "Linux 5.19 or newer lets a user without capabilities do that; grant CAP_BPF on an older one"
            )
        default: return BPFError(doing: doing, errno: code)
        }
    }

    deinit {
        if ownsDescriptor { close(descriptor) }
    }

    /// The value under `key`, or nil.
    public func value(_ key: Key) -> Value? {
        unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { buffer in
            var key = key
            guard let base = buffer.baseAddress, unsafe bpf_map_lookup_elem(descriptor, &key, base) == 0
            else {
                return nil
            }
            return unsafe base.pointee
        }
    }

    /// Sets the value under `key`.
    public func set(_ key: Key, _ value: Value, onlyIfAbsent: Bool = false) throws(BPFError) {
        var key = key
        var value = value
        _ = try BPFError.check("updating \(name)") {
            unsafe bpf_map_update_elem(descriptor, &key, &value, onlyIfAbsent ? UInt64(BPF_NOEXIST) : 0)
        }
    }

    /// Removes `key`; it is no error if it is not there.
    public func remove(_ key: Key) {
        var key = key
        _ = unsafe bpf_map_delete_elem(descriptor, &key)
    }

    /// The next key after `key` in the map's own order.
    public func key(after key: Key?) -> Key? {
        unsafe withUnsafeTemporaryAllocation(of: Key.self, capacity: 1) { buffer in
            guard let next = buffer.baseAddress else { return nil }
            if var key {
                return unsafe bpf_map_get_next_key(descriptor, &key, next) == 0 ? next.pointee : nil
            }
            return unsafe bpf_map_get_next_key(descriptor, nil, next) == 0 ? next.pointee : nil
        }
    }

    /// Every processor's value under `key`, for per-CPU maps.
    public func perProcessor(_ key: Key, _ body: (Value) -> Void) {
        let processors = Int(libbpf_num_possible_cpus())
        guard processors > 0 else { return }
        unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: processors) { buffer in
            var key = key
            guard let base = buffer.baseAddress, unsafe bpf_map_lookup_elem(descriptor, &key, base) == 0
            else {
                return
            }
            for index in 0..<processors { unsafe body(base[index]) }
        }
    }

    /// Sets every processor's value under `key`, for per-CPU maps.
    public func setPerProcessor(_ key: Key, _ value: Value) throws(BPFError) {
        let processors = max(1, Int(libbpf_num_possible_cpus()))
        var key = key
        let values = [Value](repeating: value, count: processors)
        let result = unsafe values.withUnsafeBufferPointer {
            unsafe bpf_map_update_elem(descriptor, &key, $0.baseAddress, 0)
        }
        _ = try BPFError.check("updating \(name)") { result }
    }
}

/// A pinned queue of free indices.
public final class PinnedQueue: @unchecked Sendable {
    private let descriptor: Int32
    private let name: String

    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    /// Appends `value`.
    public func push(_ value: UInt32) throws(BPFError) {
        var value = value
        _ = try BPFError.check("pushing to \(name)") {
            unsafe bpf_map_update_elem(descriptor, nil, &value, 0)
        }
    }

    /// Takes the oldest value, or nil when empty.
    public func pop() -> UInt32? {
        var value: UInt32 = 0
        return unsafe bpf_map_lookup_and_delete_elem(descriptor, nil, &value) == 0 ? value : nil
    }
}
