extension AgentConfiguration.Node {
    /// Reads `name=NAME,binary=PATH[,datadir=PATH|,pid_file=PATH|,unit=NAME]`.
    public init(argument text: String) throws(AgentError) {
        self.init(name: "", binary: "", match: .any)
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { throw Self.wrong(text, "\"\(part)\" has no value") }
            switch pair[0] {
            case "name": name = pair[1]
            case "binary": binary = pair[1]
            case "datadir": match = .datadir(pair[1])
            case "pid_file": match = .pidFile(pair[1])
            case "unit": match = .unit(pair[1])
            default: throw Self.wrong(text, "\"\(pair[0])\" is not known")
            }
        }
        guard !name.isEmpty, !binary.isEmpty else { throw Self.wrong(text, "name or binary is missing") }
    }

    private static func wrong(_ text: String, _ why: String) -> AgentError {
        AgentError(
            doing: "reading --node \(text)", reason: why,
            remedy: "write name=NAME,binary=PATH and one of datadir=PATH, pid_file=PATH, unit=NAME")
    }
}
