import CaptureFormat
import Glibc

/// What was fired and when, written line by line into a mapped file, so that it outlives the process however
/// that ends.
///
/// CSV with a header: `mono_ns,tracepoint,observed,index,line`. `mono_ns` is CLOCK_MONOTONIC immediately
/// before the probe, `observed` is 1 when the semaphore was raised, 0 when it was not, empty when there is
/// none; `index` counts the events fired, from 0; `line` is the event's line in the capture, from 1. A line
/// is written right after its probe has run. The file is reserved in full before the first event and cut to
/// length at the end; after kill -9 what was reserved and not used is empty lines, and the one event between
/// its probe and its line may be missing.
@safe final class TruthRecord {
    static let header = "mono_ns,tracepoint,observed,index,line\n"

    private let path: String
    private let file: Int32
    private let map: UnsafeMutableRawBufferPointer
    private var used = 0
    private let names: [[UInt8]]

    /// The most bytes that a line can take beside its tracepoint's name: three integers of up to twenty digits,
    /// a flag, four commas and the newline.
    private static let lineOverhead = 3 * 20 + 1 + 4 + 1

    /// The most bytes that a line of a tracepoint can take.
    static func lineCapacity(of name: String) -> Int { lineOverhead + name.utf8.count }

    /// Makes the file, replacing one that is there, with room for `capacity` bytes behind the header.
    init(path: String, capacity: Int, probes: NodeProbes) throws(CaptureError) {
        func failure(_ code: Int32) -> CaptureError {
            CaptureError(
                "cannot write the record \(path): \(systemError(code))",
                advice: "give --record a file in a folder that exists, with \(capacity) bytes free")
        }
        let size = Self.header.utf8.count + capacity
        let file = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failure(errno) }
        // Without its blocks a full disk would kill us with SIGBUS.
        let reserved = posix_fallocate(file, 0, size)
        guard reserved == 0 else {
            close(file)
            throw failure(reserved)
        }
        let address = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            let code = errno
            close(file)
            throw failure(code)
        }
        self.path = path
        self.file = file
        unsafe map = UnsafeMutableRawBufferPointer(start: address, count: size)
        names = [[]] + probes.probes.map { Array($0.name.utf8) }
        unsafe memset(address, Int32(UInt8(ascii: "\n")), size)
        unsafe map.copyBytes(from: Self.header.utf8)
        used = Self.header.utf8.count
    }

    deinit {
        unsafe munmap(map.baseAddress, map.count)
        close(file)
    }

    /// Writes a line. Allocates nothing.
    func append(monotonic: UInt64, tracepoint: Int, outcome: Outcome, index: Int, line: Int) {
        let name = names[tracepoint]
        guard used + Self.lineOverhead + name.count <= (unsafe map.count) else { return }
        decimal(monotonic)
        byte(UInt8(ascii: ","))
        for position in name.indices { byte(name[position]) }
        byte(UInt8(ascii: ","))
        switch outcome {
        case .observed: byte(UInt8(ascii: "1"))
        case .unobserved: byte(UInt8(ascii: "0"))
        case .unknown: break
        }
        byte(UInt8(ascii: ","))
        decimal(UInt64(index))
        byte(UInt8(ascii: ","))
        decimal(UInt64(line))
        used += 1  // The newline is there already.
    }

    /// Cuts the file to what was written.
    func finish() throws(CaptureError) {
        guard ftruncate(file, used) == 0 else {
            throw CaptureError(
                "cannot cut the record \(path) to its length: \(systemError())",
                advice: "its lines are complete, ignore the empty ones at the end")
        }
    }

    @inline(__always)
    private func byte(_ value: UInt8) {
        unsafe map[used] = value
        used += 1
    }

    private func decimal(_ value: UInt64) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        rest = value
        var position = used + digits
        while position > used {
            position -= 1
            unsafe map[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        used += digits
    }
}
