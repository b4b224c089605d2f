import Foundation

/// Where this checkout and its debug binaries are.
enum Checkout {
    static let root: URL = {
        var folder = URL(filePath: #filePath)
        while folder.path() != "/", !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path()) {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    static func path(_ relative: String) -> String { root.appending(path: relative).path() }

    static func binary(_ name: String) -> String { path(".build/debug/\(name)") }

    /// eBPF needs root; without it these tests have nothing to run on.
    static let canUseEBPF = getuid() == 0
}

/// What went wrong while a test drove the programs.
struct FleetFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A program the test has started, with its output in a file.
final class Program {
    let process = Process()
    let log: String

    init(_ name: String, _ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        self.log = log
        process.executableURL = URL(filePath: name.hasPrefix("/") ? name : Checkout.binary(name))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        guard FileManager.default.createFile(atPath: log, contents: nil), let output = FileHandle(forWritingAtPath: log)
        else { throw FleetFailure("cannot write \(log)") }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    var pid: Int32 { process.processIdentifier }

    /// Waits until the output contains `text`.
    func awaitText(_ wanted: String, seconds: Double = 60) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while !text.contains(wanted) {
            guard process.isRunning else { throw FleetFailure("ended before \"\(wanted)\":\n\(text)") }
            guard Date() < deadline else { throw FleetFailure("no \"\(wanted)\" within \(seconds) s:\n\(text)") }
            usleep(20_000)
        }
    }

    func send(_ signal: Int32) { if process.isRunning { kill(pid, signal) } }

    /// Ends the program with a signal and waits for it.
    func end(_ signal: Int32 = SIGTERM) {
        send(signal)
        process.waitUntilExit()
    }

    /// Runs a program to its end and returns what it printed.
    static func output(_ name: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let log = FileManager.default.temporaryDirectory.appending(path: "output-\(UUID())").path()
        defer { try? FileManager.default.removeItem(atPath: log) }
        let program = try Program(name, arguments, log: log)
        program.process.waitUntilExit()
        return (program.process.terminationStatus, program.text)
    }
}
