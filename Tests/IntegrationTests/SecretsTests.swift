import Foundation
import Testing

/// Where keys and captured events could leak on their own hosts: logs, what other users see of a process, and files.
@Suite("The secrets of a running fleet", .serialized, .enabled(if: Checkout.canUseEBPF, "eBPF needs root"))
struct SecretsTests {
    /// Everything below a folder, the folder itself first.
    private func tree(_ folder: String) -> [String] {
        [folder] + (FileManager.default.enumerator(atPath: folder)?.compactMap { "\(folder)/\($0)" } ?? [])
    }

    private func mode(_ path: String) -> mode_t {
        var about = stat()
        return lstat(path, &about) == 0 ? about.st_mode : 0
    }

    /// Whether others than owner and group can read a file below `root`: they need to get to it as well.
    private func isOpen(_ path: String, below root: String) -> Bool {
        var folder = root
        for part in path.dropFirst(root.count).split(separator: "/").dropLast() {
            folder += "/" + part
            if mode(folder) & 0o001 == 0 { return false }
        }
        return mode(path) & 0o004 != 0
    }

    /// The lines of every private key in these files, without the lines around them.
    private func keyLines(_ files: [String]) -> [Substring] {
        files.flatMap { file -> [Substring] in
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            guard let begin = text.range(of: "PRIVATE KEY-----"),
                let end = text.range(of: "-----END", range: begin.upperBound..<text.endIndex)
            else { return [] }
            return text[begin.upperBound..<end.lowerBound].split(whereSeparator: \.isWhitespace)
        }
    }

    @Test("are in no log, no argument, no environment, and no file that others can read")
    func nowhere() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]], secured: true)
        defer { fleet.stop() }
        let host = fleet.hosts[0]
        let data = fleet.folder + "/aggregator"
        var yaml = try String(contentsOfFile: host.configuration, encoding: .utf8)
        yaml += "user: nobody\n"
        try Data(yaml.utf8).write(to: URL(filePath: host.configuration))
        try fleet.startAgents()
        try fleet.startNodes(speed: 20, lead: 3)
        try host.streamer?.awaitText("notice connected")
        // What an operator does meanwhile: enrolling to a file through the shell, revoking, listing, mistakes.
        let printed = fleet.folder + "/printed.yaml"
        var said = ""
        func run(_ arguments: [String]) throws {
            let (_, text) = try Program.output("peerscope-aggregator", arguments + ["--data-dir", data])
            said += text
        }
        let enroll = try Program(
            "/bin/sh",
            [
                "-c",
                "exec \(Checkout.binary("peerscope-aggregator")) enroll --data-dir \(data) other > \(printed)",
            ],
            log: fleet.folder + "/enroll.log")
        #expect(enroll.wait() == 0)
        try run(["enrolled"])
        try run(["enrolled", "--format", "json"])
        try run(["revoke", "other"])
        try run(["enroll", "--agent", "third", "n1"])
        try run(["enroll", "--output", host.folder, "n9"])
        said += try Program.output("peerscope-agent", ["check", "--config", host.configuration]).text
        try fleet.awaitNodes()
        try fleet.awaitCommitted()

        let keys = ["\(data)/tls/ca.key", "\(data)/tls/server.key", "\(host.folder)/agent.key", printed]
        let secrets = keyLines(keys)
        #expect(secrets.count >= 3 * keys.count)

        // What any user sees of the processes, and what their own user does.
        let programs = try [fleet.aggregator, host.attacher, host.streamer].map { try #require($0) }
        for program in programs {
            for file in ["cmdline", "environ"] {
                let text = String(
                    decoding: try Data(contentsOf: URL(filePath: "/proc/\(program.pid)/\(file)")),
                    as: UTF8.self)
                #expect(text.utf8.count > 20, "nothing was read")
                for secret in secrets { #expect(!text.contains(secret), "\(file) of \(program.log)") }
            }
        }
        // Logs, ours and PostgreSQL's, and everything that was printed.
        let everything = tree(fleet.folder)
        let logs = everything.filter { $0.hasSuffix(".log") }
        #expect(logs.count >= 5 && logs.contains { $0.hasSuffix("db/postgres.log") })
        for text in try logs.map({ try String(contentsOfFile: $0, encoding: .utf8) }) + [said] {
            for secret in secrets { #expect(!text.contains(secret)) }
            #expect(!text.contains("PRIVATE KEY"))
        }

        // Every file that our programs made and others can read: places, no content.
        let ours = everything.filter {
            $0.hasPrefix(fleet.folder + "/db/") || $0.hasPrefix(data) || $0.hasPrefix(host.folder + "/state")
                || keys.contains($0) || $0.hasPrefix(host.folder + "/agent.") || $0.hasSuffix("/ca.crt")
        }
        #expect(ours.count > 20)
        let open = ours.filter { mode($0) & S_IFMT == S_IFREG && isOpen($0, below: fleet.folder) }
        #expect(
            Set(open.map { $0.dropFirst(fleet.folder.count) }).isSubset(of: [
                "/db/socket", "/db/start.lock", "/db/users.lock", "/db/stop-when-unused",
            ]), "\(open)")
        // Keys are their owner's alone wherever they are, and so are the folders of data.
        for key in keys { #expect(mode(key) & 0o777 == 0o600, "\(key)") }
        for folder in [
            "\(data)/tls", "\(data)/tls/agents", "\(host.folder)/state", "\(fleet.folder)/db/data",
        ] {
            #expect(mode(folder) & 0o077 == 0, "\(folder)")
        }
        let socket = try String(contentsOfFile: fleet.folder + "/db/socket", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(mode(socket) & 0o777 == 0o700, "whoever reaches the socket is trusted: \(socket)")
    }
}
