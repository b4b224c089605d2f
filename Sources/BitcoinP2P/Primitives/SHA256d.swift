internal import ByteCodec
internal import Crypto

/// SHA-256 applied twice, Bitcoin's hash of headers and transactions, over runs of bytes.
///
/// The `unsafe` here lends borrowed bytes to swift-crypto for the length of one call, and nothing else.
struct SHA256d {
    private var inner = SHA256()

    /// Adds `run` to what is hashed.
    mutating func update(_ run: RawSpan) {
        unsafe run.withUnsafeBytes { unsafe inner.update(bufferPointer: $0) }
    }

    /// The hash of everything added.
    func finalize() -> Hash256 {
        var outer = SHA256()
        unsafe inner.finalize().withUnsafeBytes { unsafe outer.update(bufferPointer: $0) }
        let digest = outer.finalize()
        return unsafe digest.withUnsafeBytes { unsafe Hash256(RawSpan(_unsafeBytes: $0)) } ?? .zero
    }

    /// The hash of `run`.
    static func hash(_ run: RawSpan) -> Hash256 {
        var hash = SHA256d()
        hash.update(run)
        return hash.finalize()
    }
}

/// The first two bytes of SHA3-256 over `runs`, the checksum in a Tor v3 address.
func sha3Prefix(_ run: RawSpan) -> (UInt8, UInt8) {
    var hash = SHA3_256()
    unsafe run.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    let digest = hash.finalize()
    return unsafe digest.withUnsafeBytes { unsafe ($0[0], $0[1]) }
}
