/// A JSON document built by hand, with its members in the order given.
enum JSONValue {
    case null
    case bool(Bool)
    case int(Int)
    /// Text that is JSON already.
    case raw(String)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// A string, or null.
    static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    /// A number as PostgreSQL wrote it, or null.
    static func number(_ value: String?) -> JSONValue { value.map { .raw($0) } ?? .null }

    /// The document on one line.
    func text() -> String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .raw(let text): text
        case .string(let text): JSON.string(text)
        case .array(let values): "[" + values.map { $0.text() }.joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.map { "\(JSON.string($0.0)): \($0.1.text())" }.joined(separator: ", ") + "}"
        }
    }

    /// The document for people: members of the outer object a line each, and so the elements of its arrays.
    func lines() -> String {
        guard case .object(let members) = self else { return text() }
        let lines = members.map { name, value in
            guard case .array(let elements) = value, !elements.isEmpty else {
                return "  \(JSON.string(name)): \(value.text())"
            }
            return "  \(JSON.string(name)): [\n"
                + elements.map { "    " + $0.text() }.joined(separator: ",\n") + "\n  ]"
        }
        return "{\n" + lines.joined(separator: ",\n") + "\n}"
    }
}
