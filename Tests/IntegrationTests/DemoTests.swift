import Foundation
import Testing

/// The first thing a newcomer runs.
@Suite("The demo", .serialized)
struct DemoTests {
    /// Runs the demo on the programs under test, in a folder of its own; its output.
    private func run(_ environment: [String]) throws -> String {
        let state = "/var/tmp/peerscope-test-demo-\(UUID().uuidString.prefix(8))"
        defer {
            if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: state) {
                try? FileManager.default.removeItem(atPath: target)
            }
            try? FileManager.default.removeItem(atPath: state)
        }
        let settings = [
            "PEERSCOPE_DEMO_BIN=\(Checkout.binaries)", "PEERSCOPE_DEMO_STATE=\(state)",
            "PORT=\(try PrivatePostgres.freePort())",
        ]
        let (status, text) = try Program.output(
            "/usr/bin/env", settings + environment + [Checkout.path("deploy/demo/demo.sh")])
        #expect(status == 0, "\(text)")
        return text
    }

    private func expectWhole(_ text: String) {
        #expect(text.contains("1235 of 1235 agree."), "\(text)")
        // Everything of everybody is there: hits, stored, counted, lost, found by counting anew, blind, unexplained.
        #expect(
            text.firstMatch(of: /all \s*\| (\d+) \| +\1 \| +0 \| +0 \| +\1 \| +0\.0 \| +0\n/) != nil,
            "\(text)")
        for command in ["peerscope nodes", "peerscope blocks", "peerscope addrs", "peerscope audit"] {
            #expect(text.contains(command))
        }
        #expect(text.contains("Ask for yourself:"))
    }

    @Test("shows everything without eBPF")
    func capture() throws { expectWhole(try run(["SOURCE=capture"])) }

    @Test("shows everything with eBPF", .enabled(if: Checkout.canUseEBPF, "eBPF needs root"))
    func probes() throws { expectWhole(try run(["SPEED=4"])) }
}
