internal import BitcoinP2P
internal import ByteCodec
internal import PostgreSQL

/// What the strings of a batch mean, looked up once each.
struct BatchStrings {
    private var types: [TypeName?]
    private var texts: [String?]

    /// A message type.
    struct TypeName {
        /// The type, if Core knows it.
        let type: MessageType?
        /// Its name in rollups, where unknown types are one.
        let rollupName: String
    }

    /// For a batch with `count` strings.
    init(count: Int) {
        types = Array(repeating: nil, count: count)
        texts = Array(repeating: nil, count: count)
    }

    /// String `index`, whose bytes are `bytes`, as a message type.
    mutating func type(_ index: Int, _ bytes: RawSpan) -> TypeName {
        if let known = types[index] { return known }
        let type = MessageType(bytes)
        let name = TypeName(type: type, rollupName: type?.rawValue ?? "*other*")
        types[index] = name
        return name
    }

    /// String `index`, whose bytes are `bytes`, in escaped form.
    mutating func text(_ index: Int, _ bytes: RawSpan) -> String {
        if let known = texts[index] { return known }
        let text = PeerText.escape(bytes)
        texts[index] = text
        return text
    }
}
