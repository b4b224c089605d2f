internal import ByteCodec

/// `tx`: one transaction (BIP144).
public struct Tx: Sendable, Hashable {
    /// Its outline.
    public let transaction: Transaction
    /// The id that does not cover the witness.
    public let txid: Hash256
    /// The id that covers the witness; equal to ``txid`` where there is none.
    public let wtxid: Hash256

    /// Decodes the captured part of a `tx` of `size` bytes; a cut transaction has no ids and no value.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Tx> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let transaction = try Transaction(reading: &reader)
            return Decoded(
                Tx(transaction, of: payload), extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }

    /// The transaction that `bytes` begin with, which `transaction` outlines; hashes it.
    public init(_ transaction: Transaction, of bytes: RawSpan) {
        self.transaction = transaction
        wtxid = transaction.wtxid(of: bytes)
        txid = transaction.hasWitness ? transaction.txid(of: bytes) : wtxid
    }
}
