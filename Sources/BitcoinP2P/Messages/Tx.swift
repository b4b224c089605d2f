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
            let wtxid = transaction.wtxid(of: payload)
            let txid = transaction.hasWitness ? transaction.txid(of: payload) : wtxid
            return Decoded(
                Tx(transaction: transaction, txid: txid, wtxid: wtxid),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
