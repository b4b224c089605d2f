import ByteCodec
import CollectorProtocol
import Crypto

/// Names a process of a node for good: 63 bits of SHA-256 over stream, boot, process id and start time.
enum RunID {
    static func make(streamID: UInt64, bootID: BootID, pid: UInt64, startTicks: UInt64) -> UInt64 {
        var text = ByteWriter(capacity: 48)
        text.u64(streamID)
        bootID.write(into: &text)
        text.u64(pid)
        text.u64(startTicks)
        var value: UInt64 = 0
        for byte in SHA256.hash(data: text.bytes).prefix(8) { value = value << 8 | UInt64(byte) }
        return max(1, value & UInt64(Int64.max))
    }
}
