internal import CPlatform

/// CRC-32C, the Castagnoli polynomial of iSCSI and ext4 (RFC 3720, B.4).
public enum CRC32C {
    /// The checksum of `bytes`; `123456789` gives 0xe3069283.
    public static func checksum(_ bytes: RawSpan) -> UInt32 {
        // Proof: the C function reads exactly the bytes of the span and keeps no pointer.
        unsafe bytes.withUnsafeBytes { unsafe ps_crc32c(0, $0.baseAddress, $0.count) }
    }
}
