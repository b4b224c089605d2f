import PostgreSQL

/// One table of an answer.
struct Section {
    /// Its key in JSON.
    let key: String
    /// What stands above it in text.
    let title: String?
    /// The rows.
    let result: QueryResult
    /// How people see them.
    let columns: [Column]
    /// What stands instead of a table without rows.
    var nothing = ""

    init(
        _ key: String, title: String? = nil, _ result: QueryResult, nothing: String = "", _ columns: [Column]
    ) {
        self.key = key
        self.title = title
        self.result = result
        self.columns = columns
        self.nothing = nothing
    }
}

/// What a command has to say.
struct Answer {
    var sections: [Section]
    /// A sentence at the end: the verdict, or why there are no rows.
    var remark: String?
    /// Whether the exit status is 1.
    var failed = false

    init(_ sections: [Section], remark: String? = nil, failed: Bool = false) {
        self.sections = sections
        self.remark = remark
        self.failed = failed
    }

    /// The answer in a format.
    ///
    /// JSON is an array of rows, or with several sections an object of such arrays; CSV holds only the first
    /// section, since a file of it has one header.
    func text(_ format: Format) -> String {
        switch format {
        case .table:
            var parts = sections.compactMap { section -> String? in
                if section.result.rows.isEmpty {
                    return section.nothing.isEmpty ? nil : section.nothing + "\n"
                }
                let table = Table.text(section.result, section.columns)
                return section.title.map { $0 + "\n" + table } ?? table
            }
            if let remark { parts.append(remark + "\n") }
            return parts.joined(separator: "\n")
        case .json:
            guard sections.count > 1 else { return JSON.array(sections.first?.result) + "\n" }
            let members = sections.map { "\(JSON.string($0.key)): \(JSON.array($0.result))" }
            return "{" + members.joined(separator: ",\n ") + "}\n"
        case .csv:
            return sections.first.map { CSV.text($0.result) } ?? ""
        }
    }
}
