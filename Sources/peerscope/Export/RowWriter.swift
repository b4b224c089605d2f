import Crypto
import FoundationEssentials
import Glibc

/// Where an export goes.
enum Destination {
    case standardOutput
    case file(OutputFile)

    var descriptor: Int32 {
        switch self {
        case .standardOutput: 1
        case .file(let file): file.descriptor
        }
    }
    /// Its name for messages.
    var name: String {
        switch self {
        case .standardOutput: "standard output"
        case .file(let file): file.path
        }
    }
}

/// What was written.
struct Written: Equatable {
    let bytes: Int
    /// SHA-256 of them, in hexadecimal.
    let sha256: String
    /// The program that made the format, when it was not this one.
    var writer: String?
}

/// Standard output was closed by whoever read it, as `head` does.
struct ReaderLeft: Error {}

/// Takes rows as the database wrote them and makes the export of them.
protocol RowWriter: AnyObject {
    /// Takes whole rows.
    func write(_ rows: [UInt8]) throws
    /// Ends the export.
    func finish() throws -> Written
}

/// Writes rows as they are: CSV and JSON lines.
final class PlainWriter: RowWriter {
    private let destination: Destination
    private var bytes = 0
    private var hash = SHA256()

    init(_ destination: Destination) { self.destination = destination }

    func write(_ rows: [UInt8]) throws {
        hash.update(data: rows)
        bytes += rows.count
        switch destination {
        case .file(let file): try file.write(rows)
        case .standardOutput:
            let error = writeWhole(rows, to: 1)
            guard error != EPIPE else { throw ReaderLeft() }
            guard error == 0 else {
                throw ExportError(operation: "writing to standard output", message: errorText(error))
            }
        }
    }

    func finish() -> Written {
        let digits = hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 2 ? digits : "0" + digits
        }
        return Written(bytes: bytes, sha256: digits.joined())
    }
}
