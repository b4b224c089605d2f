internal import BitcoinP2P
internal import ByteCodec
internal import PostgreSQL

/// A block connected to a chain of the node: `validation:block_connected`.
enum BlockConnectedRow {
    static let columns = [
        "hash", "height", "transactions", "inputs", "sigops_cost", "duration_ns", "tid",
    ]

    /// Writes the row and gives the block's hash and how long it took, in nanoseconds.
    static func write(
        _ context: EventContext, _ body: inout ByteReader, into rows: inout CopyBuffer
    ) throws(ByteCodecError) -> (hash: Hash256, duration: Int64) {
        let hash = try Hash256(reading: &body)
        let height = Int32(clamping: try body.zigzag())
        let transactions = Int64(clamping: try body.varint())
        let inputs = Int32(clamping: try body.zigzag())
        let sigops = try body.zigzag()
        let duration = try body.zigzag()
        rows.beginEvent(context, own: columns.count)
        rows.bytea(hash.bytes)
        rows.int32(height)
        rows.int64(transactions)
        rows.int32(inputs)
        rows.int64(sigops)
        rows.int64(duration)
        rows.int32(context.tid)
        return (hash, duration)
    }
}
