import CZlib
import Foundation

/// Calls `body` with a file that has this content, then removes it.
func temporaryFile<Result>(_ content: [UInt8], _ body: (String) throws -> Result) throws -> Result {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(content).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    return try body(url.path)
}

/// Calls `body` with a file that has this content, then removes it.
func temporaryFile<Result>(_ content: String, _ body: (String) throws -> Result) throws -> Result {
    try temporaryFile(Array(content.utf8), body)
}

/// The text, compressed.
func gzip(_ text: String) throws -> [UInt8] {
    try temporaryFile("") { path in
        let file = unsafe gzopen(path, "wb")
        let bytes = Array(text.utf8)
        _ = unsafe gzwrite(file, bytes, UInt32(bytes.count))
        _ = unsafe gzclose(file)
        return try [UInt8](Data(contentsOf: URL(filePath: path)))
    }
}
