internal import CollectorProtocol
internal import PostgreSQL

/// Something a writer does on its connection between transactions.
enum Errand: Sendable {
    /// An agent greets: its nodes and streams get rows, and it learns where they stand.
    case register(Hello, reply: @Sendable (Registration) -> Void)
}

/// Where an agent's streams stand.
struct Registration: Sendable {
    /// A stream of the agent.
    struct Stream: Sendable {
        let node: String
        let key: StreamKey
        let position: StreamPosition
    }

    let reference: ClockReference
    let streams: [Stream]
}

/// The clock to which corrected times refer: the host's monotonic clock plus an offset fixed for its boot.
struct ClockReference: Sendable {
    let bootID: BootID
    let offset: Int64

    /// The reference of this boot, fixed by whoever asks first.
    static func load(_ bootID: BootID, offset: Int64, _ connection: Connection) throws -> ClockReference {
        try connection.query(
            """
            INSERT INTO peerscope.clock_reference (reference, reference_offset_ns) VALUES ($1, $2)
            ON CONFLICT (reference) DO NOTHING
            """, ["\(bootID)", "\(offset)"])
        let found = try connection.query(
            "SELECT reference_offset_ns FROM peerscope.clock_reference WHERE reference = $1", ["\(bootID)"])
        return ClockReference(bootID: bootID, offset: found.scalar.flatMap { Int64($0) } ?? offset)
    }
}

extension Registration {
    /// Makes the rows of an agent's nodes and streams and reads where they stand.
    static func register(_ hello: Hello, _ reference: ClockReference, _ connection: Connection) throws
        -> Registration
    {
        try connection.transaction {
            try connection.query(
                """
                INSERT INTO peerscope.agent (agent_id, version, kernel, source, last_seen_at)
                VALUES ($1, $2, $3, $4, now())
                ON CONFLICT (agent_id) DO UPDATE SET version = excluded.version, kernel = excluded.kernel,
                   source = excluded.source, last_seen_at = excluded.last_seen_at
                """,
                [
                    hello.agentID, PeerText.escape(hello.agentVersion), PeerText.escape(hello.kernel),
                    hello.source == .ebpf ? "ebpf" : "capture",
                ])
            // In the order of names, so that two agents that greet at once cannot deadlock.
            let nodes = hello.nodes.sorted { $0.name < $1.name }
            let streams = try nodes.map { node in
                let key = StreamKey(
                    node: try nodeID(node.name, connection), stream: Int64(clamping: node.streamID))
                return Stream(
                    node: node.name, key: key,
                    position: StreamPosition(
                        streamID: node.streamID,
                        durableSequence: try position(key, agent: hello.agentID, connection)))
            }
            return Registration(reference: reference, streams: streams)
        }
    }

    private static func nodeID(_ name: String, _ connection: Connection) throws -> Int32 {
        let select = "SELECT node_id FROM peerscope.node WHERE name = $1"
        if let known = try connection.query(select, [name]).scalar.flatMap({ Int32($0) }) { return known }
        try connection.query(
            "INSERT INTO peerscope.node (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", [name])
        guard let made = try connection.query(select, [name]).scalar.flatMap({ Int32($0) }) else {
            throw PostgreSQLError(message: "the node has no row", operation: "registering node \(name)")
        }
        return made
    }

    private static func position(_ key: StreamKey, agent: String, _ connection: Connection) throws -> UInt64 {
        let found = try connection.query(
            """
            INSERT INTO peerscope.stream (node_id, stream_id, agent_id, first_seq, durable_seq)
            VALUES ($1, $2, $3, 1, 0)
            ON CONFLICT (node_id, stream_id) DO UPDATE SET agent_id = excluded.agent_id
            RETURNING durable_seq
            """, ["\(key.node)", "\(key.stream)", agent])
        return found.scalar.flatMap { UInt64($0) } ?? 0
    }
}
