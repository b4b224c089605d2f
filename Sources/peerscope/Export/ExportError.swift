/// What kept an export from being made, and what to do about it.
struct ExportError: Error, CustomStringConvertible {
    /// What was being done, as a phrase: "writing FILE".
    let operation: String
    let message: String
    var hint: String?

    var description: String {
        "\(operation): \(message)" + (hint.map { "\n  hint: \($0)" } ?? "")
    }
}
