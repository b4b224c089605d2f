/// A stream of a node, as the tables name it.
struct StreamKey: Hashable, Comparable, Sendable {
    /// `node.node_id`.
    let node: Int32
    /// `stream.stream_id`.
    let stream: Int64

    static func < (one: StreamKey, other: StreamKey) -> Bool {
        (one.node, one.stream) < (other.node, other.stream)
    }
}
