internal import ByteCodec
internal import CollectorProtocol
internal import Framing
internal import Fuzzer

/// What the aggregator makes of batches that an agent sends: rows, rollups and cached state.
///
/// Checksums and lengths are put right. Whatever an agent writes into its batches, they are applied or refused, and
/// the aggregator lives.
@main
enum Ingest {
    static func main() {
        let accepted: ClosedRange<Int64> = 1_230_940_800_000_000...4_000_000_000_000_000
        let decoder = BatchDecoder(DecodeSettings())
        fuzz { input in
            let bytes = Framing.sealedBatches(input)
            let state = StreamState(key: StreamKey(node: 1, stream: 77), nodeName: "alpha", durable: 0)
            var offset = 0
            while bytes.count - offset >= BatchHeader.encodedByteCount {
                let rest = bytes.span.raw.extracting(droppingFirst: offset)
                guard let header = try? BatchHeader.read(rest), header.byteCount <= rest.byteCount else {
                    break
                }
                apply(rest.extracting(first: header.byteCount), decoder, state, accepted)
                offset += header.byteCount
            }
            state.trim()
            decoder.removeAll()
        }
    }

    private static func apply(
        _ bytes: RawSpan, _ decoder: BatchDecoder, _ state: StreamState, _ accepted: ClosedRange<Int64>
    ) {
        do {
            let batch = try BatchReader(bytes)
            let survey = try BatchSurvey(batch, accepted: accepted)
            guard batch.header.lastSequence > state.durable else { return }
            try decoder.apply(batch, survey: survey, accepted: accepted, to: state)
            precondition(state.durable == batch.header.lastSequence, "the watermark moves to the batch's end")
        } catch {
            precondition(!"\(error)".isEmpty, "a refusal says why")
        }
    }
}
