/// The compiled capture programs: an ELF object with BTF, made by the build from `agent/bpf/capture.bpf.c`.
public enum CaptureProgram {
    /// The object's bytes, as libbpf's `bpf_object__open_mem` wants them.
    public static func object() -> [UInt8] {
        var bytes: [UInt8] = []
        let digits = compiledCaptureProgram
        bytes.reserveCapacity(digits.utf8CodeUnitCount / 2)
        var high: UInt8?
        digits.withUTF8Buffer { buffer in
            for index in buffer.indices {
                let digit = unsafe buffer[index]
                let value = digit & 0x0f &+ (digit & 0x40 == 0 ? 0 : 9)
                if let first = high {
                    bytes.append(first << 4 | value)
                    high = nil
                } else {
                    high = value
                }
            }
        }
        return bytes
    }
}
