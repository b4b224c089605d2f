/// Where PostgreSQL's programs are installed.
public struct Binaries: Sendable, Equatable {
    /// The directory with `postgres`, `initdb`, `pg_ctl` and `psql`.
    public let directory: String
    /// The major version.
    public let major: Int

    /// The path of one program.
    public func path(_ program: String) -> String { directory + "/" + program }

    /// The oldest major version that Peerscope supports.
    public static let oldestMajor = 14

    /// Finds the server's programs: where `pg_config --bindir` says, else the newest of
    /// `/usr/lib/postgresql/*/bin` and the like.
    ///
    /// - Parameter major: only this version will do (an existing data directory was made by it).
    public static func locate(major: Int? = nil) throws(PostgreSQLError) -> Binaries {
        let operation = "looking for PostgreSQL's programs"
        var found: [Binaries] = []
        var seen: Set<String> = []
        for directory in candidates() where seen.insert(directory).inserted {
            guard
                ["postgres", "initdb", "pg_ctl"].allSatisfy({ FileSystem.status("\(directory)/\($0)") != nil }
                ),
                let version = version(of: directory + "/postgres")
            else { continue }
            let binaries = Binaries(directory: directory, major: version)
            if let major {
                if version == major { return binaries }
            } else if version >= oldestMajor {
                return binaries
            }
            found.append(binaries)
        }
        let installed = found.map { "\($0.major) in \($0.directory)" }.joined(separator: ", ")
        if let major {
            throw PostgreSQLError(
                message: "the data directory was made by PostgreSQL \(major), and "
                    + (found.isEmpty ? "no PostgreSQL is installed" : "installed is \(installed)"),
                hint: "apt install postgresql-\(major), or move the directory away to begin a new one "
                    + "(pg_upgrade carries the data over)",
                operation: operation)
        }
        guard found.isEmpty else {
            throw PostgreSQLError(
                message: "PostgreSQL \(oldestMajor) or newer is needed, and installed is \(installed)",
                hint: "install a newer one: https://www.postgresql.org/download/linux/", operation: operation)
        }
        throw PostgreSQLError(
            message: "initdb, pg_ctl and postgres are not installed",
            hint: "apt install postgresql (or name a server: --database postgres://…)", operation: operation)
    }

    /// The path of `psql`: beside the server's programs if they are here, else the one in PATH.
    public static func psql() -> String {
        for directory in candidates() where FileSystem.status(directory + "/psql") != nil {
            return directory + "/psql"
        }
        return "psql"
    }

    private static func candidates() -> [String] {
        var directories: [String] = []
        if let said = try? ChildProcess.run(["pg_config", "--bindir"], operation: "asking pg_config"),
            said.status == 0, said.output.hasPrefix("/")
        {
            directories.append(said.output)
        }
        let versions = FileSystem.names(in: "/usr/lib/postgresql").compactMap(Int.init).sorted(by: >)
        directories += versions.map { "/usr/lib/postgresql/\($0)/bin" }
        return directories + ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"]
    }

    /// The major version in `postgres (PostgreSQL) 15.20 (Debian …)`.
    private static func version(of postgres: String) -> Int? {
        guard let said = try? ChildProcess.run([postgres, "--version"], operation: "asking postgres"),
            said.status == 0
        else { return nil }
        let number = said.output.drop { !$0.isNumber }.prefix { $0.isNumber }
        return Int(number)
    }
}
