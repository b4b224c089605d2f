internal import CollectorProtocol

/// The rule for names of agents and nodes, for commands that do not speak the protocol.
public enum AgentNames {
    /// Whether `name` has 1 to 64 of the characters `A–Z a–z 0–9 . _ -`.
    public static func isLegal(_ name: String) -> Bool { NodeName.isLegal(name) }
}
