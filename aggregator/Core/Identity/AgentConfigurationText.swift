internal import Foundation

/// An enrolled agent's configuration as text: complete, so that it can be put on the host and used.
extension Enrolment {
    /// The configuration with keys and certificates in it. It is as secret as the key.
    public var configuration: String {
        heading + body
            + "tls:\n"
            + [("ca", authority), ("certificate", certificate), ("key", key)].map { name, pem in
                "  \(name): |\n" + pem.split(separator: "\n").map { "    \($0)\n" }.joined()
            }.joined()
    }

    /// Writes configuration, keys and certificates as files of their own into a folder that only its owner can enter.
    public func write(to folder: String) throws {
        try Self.writeBundle(
            folder,
            [
                (
                    "agent.yaml",
                    heading + body + "tls_ca: ca.crt\ntls_certificate: agent.crt\ntls_key: agent.key\n"
                ),
                ("ca.crt", authority), ("agent.crt", certificate), ("agent.key", key),
            ])
    }

    private var heading: String {
        """
        # Agent \(agent); its certificate is valid until \(expires.formatted(.iso8601)).
        # Whoever has the private key can speak for the agent: keep it readable by its user only (mode 600).

        """
    }

    private var body: String {
        var text = "agent: \(agent)\naggregator: \(YAMLText.quoted(address))\nnodes:\n"
        for node in nodes {
            text += "  - name: \(node.name)\n"
            let binary = node.value("binary")
            let path = binary ?? Self.usualBinary
            text += "    binary: \(YAMLText.quoted(path))"
            text += binary == nil ? "  # where bitcoind is on the agent's host\n" : "\n"
            for setting in node.settings where setting.key != "binary" {
                text += "    \(setting.key): \(YAMLText.quoted(setting.value))\n"
            }
            // Processes of one binary have to be told apart.
            let sharing = nodes.count { ($0.value("binary") ?? Self.usualBinary) == path }
            if sharing > 1, node.settings.allSatisfy({ $0.key == "binary" }) {
                text += "    datadir: \(YAMLText.quoted("/var/lib/bitcoind/" + node.name))  # its -datadir\n"
            }
        }
        return text
    }

    private static let usualBinary = "/usr/local/bin/bitcoind"
}

/// Scalars of YAML.
enum YAMLText {
    /// The text itself where that means the same in YAML, else in quotes.
    static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "/._-@:+".utf8.contains(byte)
        }
        // A colon is plain where something follows it, as in host:port.
        if plain, let first = text.first, first == "/" || first.isLetter || first.isNumber, text.last != ":" {
            return text
        }
        return "'" + text.replacingOccurrences(of: "'", with: "''") + "'"
    }
}
