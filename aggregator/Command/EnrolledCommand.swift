import AggregatorCore
import ArgumentParser
import Foundation

/// `peerscope-aggregator enrolled`: who has a certificate.
struct EnrolledCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enrolled", abstract: "List the agents that have a certificate, and which are revoked.",
        discussion: """
            One line a certificate: an agent that was enrolled again has several, until the old ones are revoked or \
            expire. Needs the aggregator's folder, not its database; works beside an aggregator that runs.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @OptionGroup var options: DatabaseOptions

    @Option(help: "table for people, json for programs.")
    var format = Format.table

    func run() throws { try checkingUsage(list) }

    private func list() throws {
        let certificates = try EnrolledCertificate.all(
            dataDirectory: options.configuration().dataDirectory)
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(certificates), as: UTF8.self))
        case .table:
            for line in Self.table(certificates) { print(line) }
        }
    }

    /// The list in columns, with a heading.
    static func table(_ certificates: [EnrolledCertificate]) -> [String] {
        let rows =
            [["AGENT", "NODES", "CERTIFICATE", "VALID UNTIL", "STATE"]]
            + certificates.map { one in
                [
                    one.agent, one.nodes.joined(separator: " "), one.certificate, one.validUntil,
                    one.revokedAt.map { "revoked at \($0)" } ?? one.state.rawValue,
                ]
            }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
                .joined(separator: "  ") + "  " + row[4]
        }
    }
}
