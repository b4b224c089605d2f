import CZlib
import Glibc

/// A capture on disk, plain or compressed with gzip, read line by line.
package enum CaptureFile {
    /// Calls `body` with each line, without its newline, and its number from 1. Empty lines are skipped.
    package static func forEachLine(
        of path: String, _ body: (_ number: Int, _ line: [UInt8]) throws(CaptureError) -> Void
    ) throws(CaptureError) {
        errno = 0
        // gzopen reads what is not compressed as it is.
        guard let file = unsafe gzopen(path, "rb") else {
            throw CaptureError(
                "cannot open the capture \(path): \(systemError())",
                advice: "check the path and its permissions")
        }
        defer { _ = unsafe gzclose(file) }
        _ = unsafe gzbuffer(file, 1 << 17)

        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        var line: [UInt8] = []
        var number = 1
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe gzread(file, $0.baseAddress, UInt32($0.count))
            }
            var code: Int32 = 0
            let message = unsafe gzerror(file, &code)
            if count < 0, code == Z_ERRNO {
                throw CaptureError(
                    "cannot read the capture \(path): \(systemError())",
                    advice: "give a file, .jsonl or .jsonl.gz")
            }
            if count < 0 || code == Z_BUF_ERROR {
                let cause = unsafe message.map { unsafe String(cString: $0) } ?? "unknown"
                throw CaptureError(
                    line: number, "cannot read the capture \(path): \(cause)",
                    advice: "the file is cut short or damaged, copy it again (`gzip -t` tells)")
            }
            if count == 0 { break }
            var rest = chunk[..<Int(count)]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line.append(contentsOf: rest[..<end])
                if !line.isEmpty { try body(number, line) }
                line.removeAll(keepingCapacity: true)
                number += 1
                rest = rest[(end + 1)...]
            }
            line.append(contentsOf: rest)
        }
        if !line.isEmpty { try body(number, line) }
    }
}

/// The text of `errno`.
package func systemError(_ code: Int32 = errno) -> String {
    unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
