import Foundation
import Testing

@testable import AggregatorCore
@testable import peerscope_aggregator

/// The list of enrolled agents.
struct EnrolledTests {
    private let directory = "/tmp/peerscope-enrolled-\(UInt64.random(in: 0 ... .max))"

    private func enrol(_ agent: String, _ nodes: [String], days: Int, now: Date) throws {
        _ = try Enrolment.make(
            dataDirectory: directory, agent: agent, nodes: try nodes.map(EnrolledNode.init), address: nil,
            days: days, now: now)
    }

    /// An agent with an expired and a good certificate, and one that was revoked.
    private func fleet(_ now: Date) throws {
        try enrol("host-b", ["n3"], days: 100, now: now)
        try enrol("host-a", ["n1", "n2"], days: 30, now: now.addingTimeInterval(-40 * 86400))
        try enrol("host-a", ["n1", "n2"], days: 200, now: now)
        _ = try Revocation.revoke(dataDirectory: directory, names: ["n3"], now: now)
    }

    @Test func everyCertificateIsThereWithItsNodesItsEndAndWhetherItIsAccepted() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = Date(timeIntervalSince1970: 1_790_000_000)
        try fleet(now)
        let all = try EnrolledCertificate.all(dataDirectory: directory, now: now)
        #expect(all.map(\.agent) == ["host-a", "host-a", "host-b"])
        #expect(all.map(\.nodes) == [["n1", "n2"], ["n1", "n2"], ["n3"]])
        #expect(all.map(\.state) == [.expired, .inForce, .revoked])
        #expect(
            all.map(\.validUntil)
                == [
                    now.addingTimeInterval(-10 * 86400), now.addingTimeInterval(200 * 86400),
                    now.addingTimeInterval(100 * 86400),
                ].map { $0.formatted(.iso8601) })
        #expect(all.map(\.revokedAt) == [nil, nil, now.formatted(.iso8601)])
        #expect(Set(all.map(\.certificate)).count == 3 && all.allSatisfy { $0.certificate.count > 20 })
        // The serial number is one that `revoke` takes.
        _ = try Revocation.revoke(dataDirectory: directory, names: [all[1].certificate], now: now)
        #expect(try EnrolledCertificate.all(dataDirectory: directory, now: now)[1].state == .revoked)
    }

    @Test func theTableHasAHeadingAndColumns() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = Date(timeIntervalSince1970: 1_790_000_000)
        try fleet(now)
        let all = try EnrolledCertificate.all(dataDirectory: directory, now: now)
        let lines = EnrolledCommand.table(all)
        #expect(lines.count == 4)
        let state = try #require(lines[0].range(of: "STATE")?.lowerBound)
        let column = lines[0].distance(from: lines[0].startIndex, to: state)
        #expect(lines[0].hasPrefix("AGENT   NODES  CERTIFICATE"))
        #expect(lines[1].dropFirst(column) == "expired" && lines[2].dropFirst(column) == "in force")
        #expect(lines[3].dropFirst(column) == "revoked at \(now.formatted(.iso8601))")
        #expect(lines[2].hasPrefix("host-a  n1 n2  \(all[1].certificate)  "))
    }

    @Test func jsonHasEveryKeyInEachObject() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = Date(timeIntervalSince1970: 1_790_000_000)
        try fleet(now)
        let data = try JSONEncoder().encode(EnrolledCertificate.all(dataDirectory: directory, now: now))
        let objects = try #require(JSONSerialization.jsonObject(with: data) as? [[String: Any]])
        for object in objects {
            #expect(
                Set(object.keys) == ["agent", "nodes", "certificate", "valid_until", "state", "revoked_at"])
        }
        #expect(objects[1]["state"] as? String == "in force" && objects[1]["revoked_at"] is NSNull)
        #expect(objects[2]["nodes"] as? [String] == ["n3"])
    }

    @Test func aFolderInWhichNobodyWasEnrolledIsAnError() throws {
        let error = #expect(throws: AggregatorError.self) {
            try EnrolledCertificate.all(dataDirectory: directory)
        }
        #expect(error?.description.contains("no agent is enrolled in \(directory)/tls") == true)
        #expect(error?.description.contains("--data-dir") == true)
    }
}
