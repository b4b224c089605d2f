import FoundationEssentials
import Glibc

/// Writes rows as Parquet, through Apache Arrow's own library: a Python with `pyarrow` does the writing.
///
/// It gets the rows as CSV, in chunks that each are whole, and reports how many bytes with which SHA-256 it wrote.
/// See `parquet_writer.py`, which is part of this program.
final class ParquetWriter: RowWriter {
    /// The version of pyarrow that `deploy/setup.sh` installs and the tests use.
    static let pyarrow = "26.0.1"
    /// The variable that names the Python when the command line does not.
    static let variable = "PEERSCOPE_PYTHON"

    private let destination: Destination
    private let python: PythonProgram
    private let versions: String
    private var hasFinished = false

    /// What the program says of itself, one of these a line.
    private struct Report: Decodable {
        var ready: Bool?
        var pyarrow: String?
        var python: String?
        /// pyarrow cannot be imported: why.
        var missing: String?
        var error: String?
        /// The reader of the output went away.
        var closed: Bool?
        var bytes: Int?
        var sha256: String?
    }

    /// Starts the first Python that has pyarrow.
    ///
    /// - Parameter pythons: where to look, in this order.
    init(_ relation: Relation, to destination: Destination, pythons: [String]) throws {
        self.destination = destination
        let program = String(decoding: PackageResources.parquet_writer_py, as: UTF8.self)
        var failures: [String] = []
        for python in pythons {
            let started: PythonProgram
            do throws(ExportError) {
                started = try PythonProgram(
                    python, program: program, argument: Self.plan(relation), output: destination.descriptor)
            } catch {
                failures.append("\(python): \(error.message)")
                continue
            }
            let report = started.report().flatMap { Self.parsed($0) }
            if let report, report.ready == true {
                self.python = started
                versions = "pyarrow \(report.pyarrow ?? "?"), Python \(report.python ?? "?")"
                return
            }
            failures.append("\(python): \(report?.missing ?? report?.error ?? "it ended without a word")")
        }
        throw ExportError(
            operation: "looking for a Python that can write Parquet",
            message: "none has pyarrow (\(failures.joined(separator: "; ")))",
            hint: """
                in a checkout run deploy/setup.sh; elsewhere
                    python3 -m venv ~/peerscope-venv && ~/peerscope-venv/bin/pip install pyarrow==\(Self.pyarrow)
                  and then --python ~/peerscope-venv/bin/python3, or that in $\(Self.variable)
                """)
    }

    /// The process that writes, for being ended with this one.
    var processID: Int32 { python.processID }

    /// Which Pythons to ask: the one that is named; else the environment's; else the one of a checkout or an
    /// installation around this program, and the system's.
    static func pythons(named: String?, environment: [String: String], executable: String?) -> [String] {
        if let named { return [named] }
        if let named = environment[variable], !named.isEmpty { return [named] }
        var pythons: [String] = []
        var folder = executable.map { Substring($0) }
        while let slash = folder?.lastIndex(of: "/"), let above = folder?[..<slash] {
            for venv in ["/.peerscope/venv", "/share/peerscope/venv"] {
                let python = above + venv + "/bin/python3"
                if FileManager.default.isExecutableFile(atPath: String(python)) {
                    pythons.append(String(python))
                }
            }
            folder = above
        }
        return pythons + ["python3"]
    }

    private static func plan(_ relation: Relation) -> String {
        let columns = relation.columns.map { column in
            JSONValue.object([
                ("name", .string(column.name)), ("type", .string(column.type.arrow)),
                ("comment", .text(column.comment)),
            ])
        }
        let metadata = JSONValue.object([
            ("peerscope.relation", .string("peerscope." + relation.name)),
            ("peerscope.comment", .string(relation.comment ?? "")),
        ])
        return JSONValue.object([("columns", .array(columns)), ("metadata", metadata)]).text()
    }

    func write(_ rows: [UInt8]) throws {
        let count = UInt32(rows.count)
        let length = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> UInt32($0)) }
        guard python.send(length), python.send(rows) else { throw failure() }
    }

    func finish() throws -> Written {
        guard python.send([0, 0, 0, 0]) else { throw failure() }
        python.closeInput()
        let report = python.report().flatMap { Self.parsed($0) }
        guard let report, let bytes = report.bytes, let sha256 = report.sha256, python.wait() == 0 else {
            throw failure(report)
        }
        return Written(bytes: bytes, sha256: sha256, writer: versions)
    }

    /// Why the program ended too early.
    private func failure(_ report: Report? = nil) -> any Error {
        let report = report ?? python.report().flatMap { Self.parsed($0) }
        if report?.closed == true { return ReaderLeft() }
        let status = python.wait()
        return ExportError(
            operation: "writing Parquet to \(destination.name)",
            message: report?.error.map(Cell.safe) ?? "the Python program ended with status \(status)")
    }

    private static func parsed(_ line: [UInt8]) -> Report? {
        try? JSONDecoder().decode(Report.self, from: Data(line))
    }
}
