import BitcoinP2P
import ByteCodec

extension FieldList {
    /// The 80 bytes of a header.
    mutating func header(_ header: BlockHeader) {
        derived("block", header.hash.wireHex)
        i32("version", header.version)
        hash("previous", header.previous)
        hash("merkle_root", header.merkleRoot)
        u32("time", header.time)
        u32("bits", header.bits)
        u32("nonce", header.nonce)
    }

    /// A transaction, of which `bytes` are the bytes.
    mutating func transaction(_ transaction: Transaction, _ bytes: RawSpan) {
        let txid = transaction.txid(of: bytes)
        let wtxid = transaction.wtxid(of: bytes)
        derived("txid", txid.wireHex)
        derived("wtxid", wtxid.wireHex)
        derived("size", transaction.size)
        derived("weight", transaction.weight)
        derived("vsize", transaction.virtualSize)
        derived("output_value", transaction.outputValue)
        derived("coinbase", transaction.isCoinbase)
        i32("version", transaction.version)
        if transaction.hasWitness { witnessMarker() }
        count("inputs", transaction.inputCount)
        transaction.forEachInput(of: bytes) { input in
            hash("spends", input.outpoint.txid)
            u32("output", input.outpoint.index)
            run("script", input.scriptSig)
            u32("sequence", input.sequence)
        }
        count("outputs", transaction.outputCount)
        transaction.forEachOutput(of: bytes) { output in
            i64("value", output.value)
            run("script", output.scriptPubKey)
        }
        transaction.forEachWitness(of: bytes) { witness in
            count("items", witness.itemCount)
            witness.forEachItem { run("item", $0) }
        }
        u32("lock_time", transaction.lockTime)
    }

    mutating func tx(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        let decoded = Tx.decode(payload, size: size)
        guard let tx = decoded.value else { return decoded.status }
        transaction(tx.transaction, payload)
        derived("txid", tx.txid.wireHex)
        derived("wtxid", tx.wtxid.wireHex)
        return decoded.status
    }

    mutating func block(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var transactions = empty
        let decoded = Block.forEachTransaction(payload, size: size) { _, outline, bytes in
            transactions.transaction(outline, bytes)
        }
        guard let block = decoded.value else { return decoded.status }
        header(block.header)
        if let transactionCount = block.transactionCount { count("count", transactionCount) }
        append(transactions)
        coinbase(block.coinbase, height: block.height)
        return decoded.status
    }

    mutating func blockTransactions(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var transactions = empty
        let decoded = BlockTransactions.forEachTransaction(payload, size: size) { _, outline, bytes in
            transactions.transaction(outline, bytes)
        }
        guard let message = decoded.value else { return decoded.status }
        hash("block", message.blockHash)
        if let transactionCount = message.transactionCount { count("count", transactionCount) }
        append(transactions)
        return decoded.status
    }

    mutating func getBlockTransactions(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var indexes: [Int] = []
        let decoded = GetBlockTransactions.decode(payload, size: size) { indexes.append(Int($0)) }
        guard let message = decoded.value else { return decoded.status }
        hash("block", message.blockHash)
        if let indexCount = message.indexCount { count("count", indexCount) }
        var following = 0
        for place in indexes {
            index("index", place, following: following)
            following = place + 1
        }
        return decoded.status
    }

    mutating func compactBlock(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        var shortIDs = empty
        var prefilled = empty
        var following = 0
        let decoded = CompactBlock.forEach(payload, size: size, shortID: { shortIDs.shortID("short_id", $0) })
        {
            place, outline, bytes in
            prefilled.index("index", place, following: following)
            prefilled.transaction(outline, bytes)
            following = place + 1
        }
        guard let block = decoded.value else { return decoded.status }
        header(block.header)
        if let nonce = block.nonce { u64("salt", nonce) }
        if let shortIDCount = block.shortIDCount { count("short_ids", shortIDCount) }
        append(shortIDs)
        if let prefilledCount = block.prefilledCount { count("prefilled", prefilledCount) }
        append(prefilled)
        coinbase(block.coinbase, height: block.height)
        return decoded.status
    }

    mutating func merkleBlock(_ payload: RawSpan, _ size: Int) -> DecodeStatus {
        let decoded = MerkleBlock.decode(payload, size: size)
        guard let block = decoded.value else { return decoded.status }
        header(block.header)
        if let transactionCount = block.transactionCount { u32("transactions", transactionCount) }
        if let hashCount = block.hashCount { count("count", hashCount) }
        for entry in block.hashes { hash("hash", entry) }
        if let flags = block.flags { run("flags", flags) }
        if let matches = block.matches {
            derived("proved", matches.count)
            for match in matches {
                derived("match", match.index)
                derived("txid", match.txid.wireHex)
            }
        }
        return decoded.status
    }

    private mutating func coinbase(_ coinbase: Coinbase?, height: Int?) {
        guard let coinbase else { return }
        derived("script_sig", hexDigits(coinbase.scriptSig.span.raw))
        derived("height", height.map(String.init) ?? "none")
        derived("tag", coinbase.tag.map { hexDigits([UInt8]($0.utf8).span.raw) } ?? "none")
    }
}
