internal import CollectorProtocol

/// Who sent a batch, and wants to know what became of it. Called on a writer's thread.
protocol BatchOrigin: AnyObject, Sendable {
    /// Everything of these streams up to here is committed.
    func committed(_ positions: [StreamPosition])
    /// Somebody else moved the stream, or batches are missing: it stands at `durable`.
    func fenced(_ position: StreamPosition)
    /// These numbers can never be stored and are on record as quarantined.
    func quarantined(streamID: UInt64, first: UInt64, last: UInt64, reason: String)
}

/// A verified batch on its way to a writer.
struct QueuedBatch: Sendable {
    let key: StreamKey
    let nodeName: String
    let header: BatchHeader
    let bytes: [UInt8]
    let origin: any BatchOrigin

    var streamID: UInt64 { header.streamID }
}
