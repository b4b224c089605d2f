internal import CLibbpf
internal import CPlatform
internal import CRecord
import Glibc

/// Reads a BPF ring buffer and says itself when the kernel may reuse what was read.
///
/// libbpf's own reader publishes its position after each record. Here a record counts as consumed only when
/// ``publish()`` is called, after its batch has reached the spool: a reader that dies before finds its records
/// still in the ring. The layout is the kernel's (`kernel/bpf/ringbuf.c`): a page with the consumer's position,
/// a page with the producer's, then the data mapped twice in a row, so that no record ever wraps.
@safe
public final class RingReader {
    /// Where the next record begins: bytes since the ring was made.
    public private(set) var position: UInt64
    /// What the kernel has been told.
    public private(set) var publishedPosition: UInt64
    /// Bytes the ring holds.
    public let capacity: UInt64

    private let descriptor: Int32
    private let poll: Int32
    private let consumerPage: UnsafeMutableRawPointer
    private let producerPage: UnsafeMutableRawPointer
    private let data: UnsafeRawPointer
    private let page: Int

    /// Maps the ring pinned at `path`.
    public init(path: String) throws(BPFError) {
        let descriptor = try BPFError.check("opening the ring \(path)") { unsafe bpf_obj_get(path) }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let size = Int(PS_RING_BYTES)
        let doing = "mapping the ring \(path)"
        guard
            let consumer = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            unsafe consumer != MAP_FAILED
        else { throw BPFError(doing: doing, errno: errno) }
        guard
            let producer = unsafe mmap(nil, page + 2 * size, PROT_READ, MAP_SHARED, descriptor, page),
            unsafe producer != MAP_FAILED
        else { throw BPFError(doing: doing, errno: errno) }
        // Edge-triggered: unpublished records keep the ring readable all the time.
        let poll = try BPFError.check("watching the ring \(path)") { ps_watch_edges(descriptor) }
        self.descriptor = descriptor
        self.poll = poll
        self.page = page
        unsafe consumerPage = consumer
        unsafe producerPage = producer
        unsafe data = UnsafeRawPointer(producer + page)
        capacity = UInt64(size)
        unsafe position = ps_load_acquire_u64(consumer.assumingMemoryBound(to: UInt64.self))
        publishedPosition = position
    }

    deinit {
        unsafe munmap(consumerPage, page)
        unsafe munmap(producerPage, page + 2 * Int(capacity))
        close(poll)
        close(descriptor)
    }

    /// How far the kernel has written.
    public var producerPosition: UInt64 {
        unsafe ps_load_acquire_u64(producerPage.assumingMemoryBound(to: UInt64.self))
    }

    /// Waits until much is waiting or `milliseconds` have passed.
    public func wait(milliseconds: Int32) {
        _ = ps_await_edge(poll, milliseconds)
    }

    /// Hands finished records to `body` in order, as far as `end`, a ``producerPosition`` read before.
    ///
    /// `body` gets the record's bytes, which live until it returns, and the position behind the record. When it
    /// returns false or throws, the record stays unread and the call ends. ``position`` is moved when the call ends.
    public func drain(to end: UInt64, _ body: (borrowing RawSpan, UInt64) throws -> Bool) rethrows {
        var next = position
        defer { position = next }
        while next < end {
            let at = unsafe data + Int(next & (capacity - 1))
            let header = unsafe ps_load_acquire_u32(at.assumingMemoryBound(to: UInt32.self))
            guard header & 0x8000_0000 == 0 else { return }  // still being written
            let length = Int(header & 0x3fff_ffff)
            let behind = next + UInt64((length + 8 + 7) & ~7)
            if header & 0x4000_0000 == 0 {
                let record = unsafe RawSpan(_unsafeStart: at + 8, byteCount: length)
                guard try body(record, behind) else { return }
            }
            next = behind
        }
    }

    /// Tells the kernel again what it was told when this reader began, as if everything since had not been published.
    ///
    /// For tests of a reader that dies before it publishes; nobody else may read the ring meanwhile.
    func setBack() {
        guard producerPosition - position < capacity else { return }
        unsafe ps_store_release_u64(consumerPage.assumingMemoryBound(to: UInt64.self), position)
    }

    /// Lets the kernel reuse everything read so far.
    public func publish() {
        guard position != publishedPosition else { return }
        unsafe ps_store_release_u64(consumerPage.assumingMemoryBound(to: UInt64.self), position)
        publishedPosition = position
    }
}
