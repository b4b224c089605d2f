internal import Glibc

/// Finds the SQL files of the schema.
public enum SchemaFiles {
    /// The variable that names the directory when the command line does not.
    public static let variable = "PEERSCOPE_SCHEMA"
    /// Where a package installs them.
    public static let installed = "/usr/share/peerscope/schema"

    /// The directory that holds `migrations/`.
    ///
    /// Asked in this order: `argument` (a `--schema` flag), `$PEERSCOPE_SCHEMA`, a directory `schema` beside or
    /// above the executable (a checkout) or `share/peerscope/schema` there (an installation under any prefix),
    /// `/usr/share/peerscope/schema`. What is named must be right: only what is searched may be missing.
    public static func locate(argument: String? = nil) throws(PostgreSQLError) -> String {
        let operation = "looking for the schema's SQL files"
        for (name, source) in [
            (argument, "--schema"), (FileSystem.environment()[variable], "$" + variable),
        ] {
            guard let name, !name.isEmpty else { continue }
            let directory = FileSystem.absolute(name)
            guard holdsMigrations(directory) else {
                throw PostgreSQLError(
                    message: "\(source) names \(directory), which has no migrations/*.sql",
                    hint: "name the directory `schema` of the sources, or leave it out", operation: operation)
            }
            return directory
        }
        if let executable = FileSystem.linkTarget("/proc/self/exe") {
            var place = FileSystem.parent(of: executable)
            while let directory = place {
                let root = directory == "/" ? "" : directory
                for schema in [root + "/schema", root + "/share/peerscope/schema"]
                where holdsMigrations(schema) { return schema }
                place = FileSystem.parent(of: directory)
            }
        }
        if holdsMigrations(installed) { return installed }
        throw PostgreSQLError(
            message: "there is no schema/migrations above this program and none in \(installed)",
            hint: "name the directory with --schema or $\(variable)", operation: operation)
    }

    private static func holdsMigrations(_ directory: String) -> Bool {
        FileSystem.names(in: directory + "/migrations").contains { $0.hasSuffix(".sql") }
    }
}
