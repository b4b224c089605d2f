internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL

/// A step of the wallet's coin selection: the four tracepoints of provider `coin_selection`.
enum CoinSelectionRow {
    static let columns = [
        "event", "wallet", "algorithm", "target", "waste", "selected", "use_aps", "success", "fee",
        "change_pos",
    ]

    static func selectedCoins(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let wallet = batch.string(try body.index())
        let algorithm = batch.string(try body.index())
        let target = try body.zigzag()
        let waste = try body.zigzag()
        let selected = try body.zigzag()
        rows.beginEvent(context, own: columns.count)
        rows.verbatim("selected_coins")
        rows.text(wallet)
        rows.text(algorithm)
        rows.int64(target)
        rows.int64(waste)
        rows.int64(selected)
        for _ in 0..<4 { rows.null() }
    }

    static func attempting(
        _ context: EventContext, _ batch: borrowing BatchReader, _ body: inout ByteReader,
        into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let wallet = batch.string(try body.index())
        rows.beginEvent(context, own: columns.count)
        rows.verbatim("attempting_aps_create_tx")
        rows.text(wallet)
        for _ in 0..<8 { rows.null() }
    }

    /// `normal_create_tx_internal`, and `aps_create_tx_internal`, which says first whether it is used.
    static func created(
        _ context: EventContext, avoidPartialSpends: Bool, _ batch: borrowing BatchReader,
        _ body: inout ByteReader, into rows: inout CopyBuffer
    ) throws(ByteCodecError) {
        let wallet = batch.string(try body.index())
        let useAPS: Bool? = avoidPartialSpends ? try body.u8() != 0 : nil
        let success = try body.u8() != 0
        let fee = try body.zigzag()
        let change = Int32(clamping: try body.zigzag())
        rows.beginEvent(context, own: columns.count)
        rows.verbatim(avoidPartialSpends ? "aps_create_tx_internal" : "normal_create_tx_internal")
        rows.text(wallet)
        for _ in 0..<4 { rows.null() }
        rows.bool(useAPS)
        rows.bool(success)
        rows.int64(fee)
        rows.int32(change)
    }
}
