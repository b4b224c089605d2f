import Crypto
import Foundation
import Testing
import X509

@testable import Identity

@Suite("Whom a certificate speaks for")
struct CertifiedAgentTests {
    private func certified(_ names: [CertifiedName]) -> CertifiedAgent? {
        CertifiedAgent(VerifiedCertificate(serial: "0a1b", names: names, expires: Date()))
    }

    @Test("is one agent and at least one node")
    func names() {
        #expect(certified([.agent("a"), .node("n1"), .node("n2")])?.nodes == ["n1", "n2"])
        #expect(certified([.agent("a")]) == nil)
        #expect(certified([.node("n1")]) == nil)
        #expect(certified([.agent("a"), .agent("b"), .node("n1")]) == nil)
        #expect(certified([.agent("a"), .node("n1"), .aggregator]) == nil)
    }

    @Test("covers a part of its nodes, and nothing else")
    func objections() throws {
        let agent = try #require(certified([.agent("a"), .node("n1"), .node("n2")]))
        #expect(agent.objection(toAgent: "a", nodes: []) == nil)
        #expect(agent.objection(toAgent: "a", nodes: ["n2", "n1"]) == nil)
        #expect(
            agent.objection(toAgent: "a", nodes: ["n1", "n3", "n4"])
                == "agent a named nodes n3 n4; its certificate 0a1b is for nodes n1 n2")
        #expect(
            agent.objection(toAgent: "A", nodes: ["n1"])
                == "agent A came with the certificate 0a1b of agent a")
        // Names are whole.
        #expect(agent.objection(toAgent: "a", nodes: ["n"]) != nil)
        #expect(agent.objection(toAgent: "a", nodes: ["N1"]) != nil)
    }

    @Test("is not decided by what else was presented, nor by bytes that are no certificate")
    func garbage() async {
        let verifier = CertificateVerifier(authorities: [])
        await #expect(throws: CertificateRefusal.missing) { try await verifier.verify([], for: .agent) }
        for bytes in [[], [0x30], [UInt8](repeating: 0x30, count: 500)] as [[UInt8]] {
            do {
                _ = try await verifier.verify([bytes], for: .agent)
                Issue.record("accepted \(bytes.count) bytes")
            } catch {
                guard case .unreadable = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }
}
