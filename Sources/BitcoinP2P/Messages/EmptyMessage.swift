internal import ByteCodec

/// The messages that say everything with their name: `verack`, `getaddr`, `mempool` (BIP35), `sendheaders`
/// (BIP130), `filterclear` (BIP37), `sendaddrv2` (BIP155), `wtxidrelay` (BIP339).
public enum EmptyMessage {
    /// How the decode of such a message of `size` bytes ends; Bitcoin Core ignores bytes it carries.
    public static func status(of payload: RawSpan, size: Int) -> DecodeStatus {
        let extent = Extent(payload, size: size)
        return extent.status(remaining: extent.captured)
    }
}
