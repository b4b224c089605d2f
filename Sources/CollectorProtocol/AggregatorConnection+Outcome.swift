extension AggregatorConnection {
    /// What to do after ``fenced(streamID:durable:)``.
    public enum FenceAction: Sendable, Equatable {
        /// The connection has ended meanwhile, or has no such stream.
        case none
        /// Send both, in this order.
        case resume(Ack, Nack)
    }

    /// These streams are committed up to here; several streams of one transaction make one ACK.
    ///
    /// Positions that other connections own are left out; nil when nothing is left to send.
    public mutating func committed(_ positions: [StreamPosition]) -> Ack? {
        guard case .open(var session) = state else { return nil }
        var acknowledged: [StreamPosition] = []
        for position in positions {
            guard let index = session.streams.firstIndex(where: { $0.id == position.streamID }),
                session.streams[index].durable < position.durableSequence
            else { continue }
            session.commit(index, position.durableSequence)
            acknowledged.append(position)
        }
        state = .open(session)
        return acknowledged.isEmpty ? nil : Ack(streams: acknowledged)
    }

    /// The stream is committed up to here.
    public mutating func committed(streamID: UInt64, durable: UInt64) -> Ack? {
        committed([StreamPosition(streamID: streamID, durableSequence: durable)])
    }

    /// The fence failed: somebody else moved the stream, and the database has it at `durable`.
    ///
    /// All its batches that are pending are forgotten; the owner drops them too. The agent resumes behind
    /// `durable`, which may lie below what this connection had acknowledged if the database was restored.
    public mutating func fenced(streamID: UInt64, durable: UInt64) -> FenceAction {
        guard case .open(var session) = state,
            let index = session.streams.firstIndex(where: { $0.id == streamID })
        else { return .none }
        session.window.release(streamID: streamID, after: 0)
        let first = session.streams[index].accepted
        session.streams[index].durable = durable
        session.streams[index].accepted = durable
        session.streams[index].droppedSinceResume = 0
        let stream = session.streams[index]
        state = .open(session)
        return .resume(
            Ack(streams: [stream.position]),
            stream.resume(first: max(first, 1), reason: "the stream stands at \(durable) in the database"))
    }

    /// A batch can never be stored and was put aside; ``committed(_:)`` follows when that is on record.
    public mutating func quarantined(
        streamID: UInt64, first: UInt64, last: UInt64, reason: String
    ) -> Nack? {
        guard case .open(let session) = state, session.streams.contains(where: { $0.id == streamID }) else {
            return nil
        }
        return Nack(
            streamID: streamID, firstSequence: first, lastSequence: last, code: .quarantined, reason: reason)
    }
}

extension AggregatorConnection.Session {
    fileprivate mutating func commit(_ index: Int, _ durable: UInt64) {
        window.release(streamID: streams[index].id, through: durable)
        streams[index].durable = durable
        if streams[index].accepted < durable { streams[index].accepted = durable }
    }
}
